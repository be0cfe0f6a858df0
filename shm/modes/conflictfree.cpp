// Mode `conflictfree`.
// Guarantee: the same bits for any number of workers, in one of three ways (shm/conflictfree), the first that the data allow:
//   blocks (ratings), conflict components, shards. Blocks and components run whole steps, none of which meets another; shards
//   gather gradients at parameters frozen for a batch (`--batch`).
// Staleness: none (the intercept: a block or a batch); shards: the own batch.
// Cost: no messages; a barrier a diagonal or batch, two with shards; a sorted copy of the ratings, or a plan as large as the
//   data. Shards touch each row of a batch once more.
// Blocks when: at each barrier, for the slowest worker.
// Fails how: more than 8 workers (components: 16) find nothing to do; hot rows move by the mean of a shard batch.
// Source: Gemulla et al., KDD 2011, and Zhuang et al., "FPSGD", RecSys 2013 (blocks); Pan et al., "Cyclades", NIPS 2016
//   (components); Defossez and Bach, "AdaBatch", 2017 (the scale of shards).
#include "conflictfree/way.hpp"

namespace sounder::shm {

ModeEntry conflictfree_mode() {
  return {.memory = MemoryKind::heap,
          .one_worker = OneWorker::order,
          .advisable = Advisable::on_ratings,
          .needs_touches = true,
          .batches = true,
          .together = true,
          .make = [](const Setting& setting) -> std::unique_ptr<Discipline> {
            if (auto blocks = make_blocks(setting)) return blocks;
            if (auto components = make_components(setting)) return components;
            return make_shards(setting);
          }};
}

}  // namespace sounder::shm
