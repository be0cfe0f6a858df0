#include <sounder/params/model_file.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <xxhash.h>

#include <sounder/error.hpp>

#include "params/atomic_file.hpp"

namespace sounder {
namespace {

constexpr std::string_view kMagic = "SOUNDER1";

/// Appends little-endian fields (this code runs on little-endian machines only, see static_assert).
class Writer {
 public:
  void bytes(const void* data, std::size_t size) { out_.append(static_cast<const char*>(data), size); }
  void number(std::uint64_t value) { bytes(&value, sizeof value); }
  void text(std::string_view text) {
    number(text.size());
    bytes(text.data(), text.size());
  }
  template <class T>
  void array(const std::vector<T>& values) {
    number(values.size());
    bytes(values.data(), values.size() * sizeof(T));
  }
  std::string& out() { return out_; }

 private:
  static_assert(std::endian::native == std::endian::little);
  std::string out_;
};

/// Reads them back; throws std::out_of_range past the end.
class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}
  std::string_view bytes(std::size_t size) {
    if (size > in_.size()) throw std::out_of_range("short");
    const std::string_view result = in_.substr(0, size);
    in_.remove_prefix(size);
    return result;
  }
  std::uint64_t number() {
    std::uint64_t value;
    std::memcpy(&value, bytes(sizeof value).data(), sizeof value);
    return value;
  }
  std::string text() { return std::string(bytes(number())); }
  template <class T>
  std::vector<T> array() {
    const std::uint64_t size = number();
    if (size > in_.size() / sizeof(T)) throw std::out_of_range("short");
    std::vector<T> values(size);
    const std::string_view raw = bytes(size * sizeof(T));
    if (size) std::memcpy(values.data(), raw.data(), raw.size());
    return values;
  }
  bool empty() const { return in_.empty(); }

 private:
  std::string_view in_;
};

SavedModel parse(std::string_view content) {
  Reader in(content);
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
    if (table.weights.size() != table.ids.size() * static_cast<std::size_t>(table.width)) throw std::out_of_range("weights");
    saved.tables.push_back(std::move(table));
  }
  if (!in.empty()) throw std::out_of_range("tail");
  return saved;
}

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

}  // namespace

std::vector<std::vector<std::uint32_t>> SavedModel::ids_by_space(std::uint32_t spaces) const {
  std::vector<std::vector<std::uint32_t>> ids(spaces);
  for (const SavedTable& table : tables)
    if (table.space >= 0 && static_cast<std::uint32_t>(table.space) < spaces) ids[static_cast<std::size_t>(table.space)] = table.ids;
  return ids;
}

SavedModel to_saved(const Kernel& kernel, const Parameters& parameters, const Dataset& data) {
  SavedModel saved{.model = kernel.name, .facts = {}, .tables = {}};
  for (std::size_t i = 0; i < kernel.layout.tables(); ++i) {
    const TableShape& shape = kernel.layout.shape(i);
    RowOrder order = order_of(shape, data);
    SavedModel::SavedTable table{.width = shape.width, .space = shape.space, .ids = std::move(order.ids), .weights = {}};
    table.weights.reserve(table.ids.size() * static_cast<std::size_t>(shape.width));
    for (const std::uint32_t row : order.rows)
      for (const float w : parameters.row(i, row)) table.weights.push_back(w);
    saved.tables.push_back(std::move(table));
  }
  return saved;
}

void check_saved(const SavedModel& saved, const Kernel& kernel) {
  if (saved.model != kernel.name || saved.tables.size() != kernel.layout.tables())
    throw Error(fmt::format("the loaded model is a {} model: give --model {} instead of {}", saved.model, saved.model, kernel.name));
  for (std::size_t i = 0; i < saved.tables.size(); ++i) {
    const SavedModel::SavedTable& table = saved.tables[i];
    const TableShape& shape = kernel.layout.shape(i);
    if (table.width != shape.width)
      throw Error(fmt::format("the loaded model has rows of {} floats, not {}: give the --factors or --hidden that it was trained with",
                              table.width, shape.width));
    // A table without an id space has rows 0, 1, ...: its ids ascend, so the last one tells.
    const bool rows_fit = table.space >= 0 || (table.ids.size() == shape.rows && (shape.rows == 0 || table.ids.back() == shape.rows - 1));
    if (table.space != shape.space || !rows_fit || table.weights.size() != table.ids.size() * static_cast<std::size_t>(table.width))
      throw Error(fmt::format("the tables of the loaded model are not those of a {} model: save it again", kernel.name));
  }
}

void from_saved(const SavedModel& saved, const Kernel& kernel, const Dataset& data, Parameters& parameters) {
  check_saved(saved, kernel);
  for (std::size_t i = 0; i < saved.tables.size(); ++i) {
    const SavedModel::SavedTable& table = saved.tables[i];
    const auto width = static_cast<std::size_t>(table.width);
    for (std::size_t k = 0; k < table.ids.size(); ++k) {
      const std::uint32_t row =
          table.space < 0 ? static_cast<std::uint32_t>(k) : data.numbering(static_cast<std::uint32_t>(table.space)).row_of(table.ids[k]);
      if (row == Numbering::kAbsent) continue;  // the caller chose not to keep ids that its data lacks
      std::copy_n(table.weights.begin() + static_cast<std::ptrdiff_t>(k * width), width, parameters.row(i, row).begin());
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
  Writer out;
  out.bytes(kMagic.data(), kMagic.size());
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
  out.number(XXH64(out.out().data(), out.out().size(), 0));
  write_atomically(path, out.out());
}

SavedModel load_model(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw Error(fmt::format("the model {} is a directory: give a file that --save wrote", path));
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(fmt::format("cannot open the model {}: {}", path, std::strerror(errno)));
  const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::string_view all = content;
  if (!all.starts_with(kMagic) || all.size() < kMagic.size() + sizeof(std::uint64_t))
    throw Error(fmt::format("{} is not a Sounder model: give a file that --save wrote", path));
  const std::string_view body = all.substr(0, all.size() - sizeof(std::uint64_t));
  Reader tail(all.substr(body.size()));
  try {
    if (tail.number() != XXH64(body.data(), body.size(), 0)) throw std::out_of_range("checksum");
    return parse(body.substr(kMagic.size()));
  } catch (const std::out_of_range&) {
    throw Error(fmt::format("the model {} is cut short or altered (its checksum does not match): save it again", path));
  }
}

}  // namespace sounder
