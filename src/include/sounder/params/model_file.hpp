// Trained parameters in a file, by the original ids of the input.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <sounder/kernel.hpp>

namespace sounder {

/// A trained model apart from any dataset: it can be evaluated on, or trained further with, other data.
struct SavedModel {
  struct SavedTable {
    int width = 1;
    int space = -1;                   ///< id space of the rows; -1: rows are 0, 1, ...
    std::vector<std::uint32_t> ids;   ///< original id of each row, ascending
    std::vector<float> weights;       ///< ids.size() * width
  };
  std::string model;                            ///< name of the model
  std::map<std::string, std::string> facts;     ///< how it was trained (transform, normalize, ...)
  std::vector<SavedTable> tables;

  /// The ids that each id space needs a row for (the `extra` of Dataset::train).
  std::vector<std::vector<std::uint32_t>> ids_by_space(std::uint32_t spaces) const;
};

/// What of a row is meant: a model is its weights; whoever goes on training needs the state of the rule too, and then
/// SavedTable::width counts both.
enum class RowPart { weights, whole };

/// Takes the weights out of the parameters, rows in ascending order of their original ids.
SavedModel to_saved(const Kernel& kernel, const Parameters& parameters, const Dataset& data, RowPart part = RowPart::weights);

/// Throws Error if the saved model does not fit the kernel: another model, other factors, other tables.
void check_saved(const SavedModel& saved, const Kernel& kernel, RowPart part = RowPart::weights);

/// Puts saved weights into the parameters. Throws Error as check_saved.
void from_saved(const SavedModel& saved, const Kernel& kernel, const Dataset& data, Parameters& parameters,
                RowPart part = RowPart::weights);

/// XXH64 of the weights, little-endian, original order, as 16 hexadecimal digits.
std::string digest(const SavedModel& saved);

/// Writes a temporary file beside `path`, syncs it and renames it: `path` is the old file or the new one, whole.
/// Format: "SOUNDER1", then little-endian fields, then the XXH64 of all before it. Throws Error.
void save(const SavedModel& saved, const std::string& path);
/// Throws Error if the file is not there, not a model, cut short or altered.
SavedModel load_model(const std::string& path);

}  // namespace sounder
