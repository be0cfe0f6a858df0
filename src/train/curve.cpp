#include <sounder/train/curve.hpp>

#include <cmath>

#include <fmt/format.h>

namespace sounder {

std::string text_of(const Divergence& divergence) {
  const std::string loss =
      std::isfinite(divergence.loss) ? fmt::format("loss {:.4g}", divergence.loss) : "the loss is not a number";
  return fmt::format("diverged in epoch {} after {} examples of it ({}) at step {:.3g}", divergence.epoch,
                     divergence.examples, loss, divergence.step);
}

}  // namespace sounder
