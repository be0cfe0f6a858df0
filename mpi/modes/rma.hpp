// Mode `rma` with a choice of windows: tests give it mutants.
#pragma once

#include <memory>

#include "modes/mode.hpp"
#include "window_store.hpp"

namespace sounder::mpi {

inline std::unique_ptr<Window> open_window(Transport& transport, std::span<const float> own, std::size_t counts) { return transport.open_window(own, counts); }

std::unique_ptr<RankDiscipline> make_rma(const Setting& setting, const WindowOpener& open = open_window);

}  // namespace sounder::mpi
