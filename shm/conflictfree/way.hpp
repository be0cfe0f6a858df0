// The ways of mode `conflictfree`, and what they share. Whatever a way decides depends on the data, the options and the
// epoch, never on the number of workers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "barrier.hpp"
#include "modes/mode.hpp"

namespace sounder::shm {

/// Ratings: V x V blocks of users and items; those of one diagonal share no row. Null if the steps of the model touch other
/// rows than those of the example's user and item.
std::unique_ptr<Discipline> make_blocks(const Setting& setting);
/// Batches of examples whose conflict graph falls apart: its components run in parallel. Null if the largest component
/// holds half of a batch of any size.
std::unique_ptr<Discipline> make_components(const Setting& setting);
/// Any model with touches(): gradients of fixed shards of a batch at frozen parameters, added up in a fixed order.
std::unique_ptr<Discipline> make_shards(const Setting& setting);

/// Examples [0, count) cut into batches of about `size`: parts of a chunk or several whole chunks, so that serial's order
/// of chunks is an order of batches.
std::vector<Range> cut_into_batches(const Dataset& data, std::size_t size);

/// A round of items one after the other, each by all workers at once.
class Way : public Discipline {
 public:
  explicit Way(const Setting& setting) : setting_(setting), barrier_(setting.workers) {}

  /// An item runs in the round that has the chunk of its first example, in the order of the chunks.
  void begin(const Round&, ChunkQueue& queue) final;
  void work(int worker, const Round& round, ChunkQueue::Cursor&) final;
  void end(const Round&) final;
  std::string remark() const final;

 protected:
  /// What is done in parallel, and what cannot be, in examples or nonzeros.
  struct Share {
    double all = 0, longest = 0;
    double parallel() const { return all > 0 ? 1 - longest / all : 0; }
  };

  /// Where each item begins, ascending; how many examples it holds.
  virtual std::size_t items() const = 0;
  virtual std::size_t first_of(std::size_t item) const = 0;
  virtual std::size_t size_of(std::size_t item) const = 0;
  /// By the last worker to come, when none is in an item: before the first item, between two, after the last.
  virtual void between(const Round&) {}
  virtual void run(std::size_t item, int worker, const Round& round) = 0;
  virtual std::string name() const = 0;
  virtual Share share() const = 0;

  Setting setting_;
  Barrier barrier_;

 private:
  // Written by: begin, no worker running. Read by: workers.
  ChunkQueue* queue_ = nullptr;
  std::vector<std::size_t> order_;
  std::size_t taken_ = 0;
  // Written by: the last worker to come to the barrier. Read by: all behind it.
  bool stopped_ = false;
  std::size_t done_ = 0;
};

/// Copies of the intercept, one for each part of a batch: parts move their own, and their mean becomes the new one.
class InterceptCopies {
 public:
  InterceptCopies(const Setting& setting, std::size_t parts);
  /// The cells of a step of a part; takes over the intercept as it is.
  Cells open(std::size_t part);
  /// Between items: what the parts opened since have come to, in their order.
  void merge();

 private:
  struct alignas(kCacheLine) Copy {
    float cells[16] = {};  ///< a weight and its rule state
    bool open = false;
  };
  std::span<float> shared() const { return setting_.parameters.row_with_state(static_cast<std::size_t>(table_), 0); }

  Setting setting_;
  int table_;
  std::vector<Copy> copies_;
};

}  // namespace sounder::shm
