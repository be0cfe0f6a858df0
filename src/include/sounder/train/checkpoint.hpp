// All that a run needs to go on as if it had never stopped.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <sounder/options.hpp>
#include <sounder/params/model_file.hpp>
#include <sounder/train/curve.hpp>

namespace sounder {

/// A run at the end of an epoch. There is no state of a random generator in it: the order of an epoch is drawn from
/// (seed, epoch) alone, so that the position is enough, whatever the number of threads.
struct Checkpoint {
  std::string data, data_digest;  ///< name and Dataset::digest() of the training set
  SavedModel state;               ///< whole rows (weights, then rule state); facts: the flags that must be the same
  int epochs = 0;                 ///< done
  double scale = 0;               ///< the loss that divergence is judged by
  Curve curve;                    ///< up to the point of `epochs`: seconds and examples go on from there
  std::vector<Backoff> backoffs;
  std::string file;  ///< where it was loaded from, for messages; not in the file

  /// The ids that each id space needs a row for (the `extra` of Dataset::train).
  std::vector<std::vector<std::uint32_t>> ids_by_space(std::uint32_t spaces) const {
    return state.ids_by_space(spaces);
  }
};

/// The flags that decide on the bits of a run whatever its model: seed, rule, step, schedule and its parameters.
/// Not mode, team and threads: a run may go on with others, and is the same to the bit where the mode promises that.
std::map<std::string, std::string> facts_of(const Kernel& kernel, const Options& options);

/// What data a run goes on with.
struct CheckedData {
  std::string name, digest;
};

/// Throws Error, one sentence that says what to give, if the checkpoint is of another model, other data, or other
/// values of one of `facts`.
void check_checkpoint(const Checkpoint& checkpoint, const Kernel& kernel, const CheckedData& data,
                      const std::map<std::string, std::string>& facts);
inline void check_checkpoint(const Checkpoint& checkpoint, const Kernel& kernel, const Dataset& data,
                             const std::map<std::string, std::string>& facts) {
  check_checkpoint(checkpoint, kernel, CheckedData{data.name(), data.digest()}, facts);
}

/// As `save` of a model: `path` is the old file or the new one, whole, also after a crash of the machine. Format:
/// "SOUNDERC", version, then little-endian fields, then the XXH64 of all before it. Throws Error.
void save(const Checkpoint& checkpoint, const std::string& path);
/// Throws Error if the file is not there, not a checkpoint, of another version, cut short or altered.
Checkpoint load_checkpoint(const std::string& path);

}  // namespace sounder
