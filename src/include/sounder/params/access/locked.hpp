// Access `locked`: a step runs while its worker holds the locks of all rows that it touches.
#pragma once

#include <sounder/params/access/relaxed.hpp>

namespace sounder {

/// The cells are touched as in Relaxed; the kernel takes the locks (RowLocks) around the whole step, so what
/// the model read is still true when it writes: the steps are serializable.
template <class Rule>
struct Locked : Relaxed<Rule> {
  static constexpr AccessKind kKind = AccessKind::locked;
  static constexpr bool kLocks = true;
};

}  // namespace sounder
