#include <sounder/params/model_file.hpp>

#include <fmt/format.h>
#include <xxhash.h>

#include <sounder/error.hpp>

#include "params/model_fields.hpp"

namespace sounder {
namespace {

constexpr FileKind kModelFile{.magic = "SOUNDER1", .noun = "model", .flag = "--save"};

/// The ids of a table's rows in file order, and where each row lies in the parameters.
struct RowOrder {
  std::vector<std::uint32_t> ids, rows;
};

RowOrder order_of(const TableShape& shape, const Dataset& data) {
  RowOrder order;
  if (shape.space < 0) {
    for (std::uint32_t row = 0; row < shape.rows; ++row) order.ids.push_back(row);
    order.rows = order.ids;
  } else {
    const Numbering& numbering = data.numbering(static_cast<std::uint32_t>(shape.space));
    order.rows = numbering.in_original_order();
    for (const std::uint32_t row : order.rows) order.ids.push_back(numbering.original(row));
  }
  return order;
}

/// Floats of a row that go into a file.
std::size_t width_of(const Layout& layout, std::size_t table, RowPart part) {
  return part == RowPart::whole ? layout.stride(table) : static_cast<std::size_t>(layout.shape(table).width);
}

}  // namespace

void put_model(FieldWriter& out, const SavedModel& saved) {
  out.text(saved.model);
  out.number(saved.facts.size());
  for (const auto& [key, value] : saved.facts) out.text(key), out.text(value);
  out.number(saved.tables.size());
  for (const SavedModel::SavedTable& table : saved.tables) {
    out.number(static_cast<std::uint64_t>(table.width));
    out.number(static_cast<std::uint64_t>(table.space + 1));
    out.array(table.ids);
    out.array(table.weights);
  }
}

SavedModel get_model(FieldReader& in) {
  SavedModel saved;
  saved.model = in.text();
  for (std::uint64_t n = in.number(); n > 0; --n) {
    std::string key = in.text();
    saved.facts[key] = in.text();
  }
  const std::uint64_t tables = in.number();
  if (tables > kMaxTables) throw std::out_of_range("tables");
  for (std::uint64_t i = 0; i < tables; ++i) {
    SavedModel::SavedTable table;
    table.width = static_cast<int>(in.number());
    table.space = static_cast<int>(in.number()) - 1;
    table.ids = in.array<std::uint32_t>();
    table.weights = in.array<float>();
    if (table.weights.size() != table.ids.size() * static_cast<std::size_t>(table.width))
      throw std::out_of_range("weights");
    saved.tables.push_back(std::move(table));
  }
  return saved;
}

std::vector<std::vector<std::uint32_t>> SavedModel::ids_by_space(std::uint32_t spaces) const {
  std::vector<std::vector<std::uint32_t>> ids(spaces);
  for (const SavedTable& table : tables)
    if (table.space >= 0 && static_cast<std::uint32_t>(table.space) < spaces)
      ids[static_cast<std::size_t>(table.space)] = table.ids;
  return ids;
}

SavedModel to_saved(const Kernel& kernel, const Parameters& parameters, const Dataset& data, RowPart part) {
  SavedModel saved{.model = kernel.name, .facts = {}, .tables = {}};
  for (std::size_t i = 0; i < kernel.layout.tables(); ++i) {
    const TableShape& shape = kernel.layout.shape(i);
    RowOrder order = order_of(shape, data);
    const std::size_t width = width_of(kernel.layout, i, part);
    SavedModel::SavedTable table{
        .width = static_cast<int>(width), .space = shape.space, .ids = std::move(order.ids), .weights = {}};
    table.weights.reserve(table.ids.size() * width);
    for (const std::uint32_t row : order.rows) {
      const float* const begin = parameters.row(i, row).data();
      table.weights.insert(table.weights.end(), begin, begin + width);
    }
    saved.tables.push_back(std::move(table));
  }
  return saved;
}

void check_saved(const SavedModel& saved, const Kernel& kernel, RowPart part) {
  if (saved.model != kernel.name || saved.tables.size() != kernel.layout.tables())
    throw Error(fmt::format("the loaded model is a {} model: give --model {} instead of {}", saved.model, saved.model,
                            kernel.name));
  for (std::size_t i = 0; i < saved.tables.size(); ++i) {
    const SavedModel::SavedTable& table = saved.tables[i];
    const TableShape& shape = kernel.layout.shape(i);
    const std::size_t width = width_of(kernel.layout, i, part);
    if (table.width < 0 || static_cast<std::size_t>(table.width) != width)
      throw Error(
          fmt::format("the loaded model has rows of {} floats, not {}: give the --factors or --hidden that it was trained with",
                      table.width, width));
    // A table without an id space has rows 0, 1, ...: its ids ascend, so the last one tells.
    const bool rows_fit =
        table.space >= 0 || (table.ids.size() == shape.rows && (shape.rows == 0 || table.ids.back() == shape.rows - 1));
    if (table.space != shape.space || !rows_fit ||
        table.weights.size() != table.ids.size() * static_cast<std::size_t>(table.width))
      throw Error(
          fmt::format("the tables of the loaded model are not those of a {} model: save it again", kernel.name));
  }
}

void from_saved(const SavedModel& saved, const Kernel& kernel, const Dataset& data, Parameters& parameters,
                RowPart part) {
  check_saved(saved, kernel, part);
  for (std::size_t i = 0; i < saved.tables.size(); ++i) {
    const SavedModel::SavedTable& table = saved.tables[i];
    const auto width = static_cast<std::size_t>(table.width);
    for (std::size_t k = 0; k < table.ids.size(); ++k) {
      const std::uint32_t row = table.space < 0
                                    ? static_cast<std::uint32_t>(k)
                                    : data.numbering(static_cast<std::uint32_t>(table.space)).row_of(table.ids[k]);
      if (row == Numbering::kAbsent) continue;  // the caller chose not to keep ids that its data lacks
      std::copy_n(table.weights.begin() + static_cast<std::ptrdiff_t>(k * width), width, parameters.row(i, row).data());
    }
  }
}

std::string digest(const SavedModel& saved) {
  XXH64_state_t* state = XXH64_createState();
  XXH64_reset(state, 0);
  for (const SavedModel::SavedTable& table : saved.tables)
    XXH64_update(state, table.weights.data(), table.weights.size() * sizeof(float));
  const std::uint64_t hash = XXH64_digest(state);
  XXH64_freeState(state);
  return fmt::format("{:016x}", hash);
}

void save(const SavedModel& saved, const std::string& path) {
  FieldWriter out;
  put_model(out, saved);
  write_fields(kModelFile, out, path);
}

SavedModel load_model(const std::string& path) {
  const FileFields fields = read_fields(kModelFile, path);
  if (fields.intact) try {
      FieldReader in(fields.content);
      SavedModel saved = get_model(in);
      if (in.empty()) return saved;
    } catch (const std::out_of_range&) {
    }
  throw Error(damaged(kModelFile, path));
}

}  // namespace sounder
