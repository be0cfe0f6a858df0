// Training on the cores of one machine.
#pragma once

#include <memory>

#include <sounder/options.hpp>
#include <sounder/train/backend.hpp>

namespace sounder::shm {

/// A backend for options.mode on options.threads workers of options.team, placed by options.pin.
/// `serial` gives the serial backend. The threads live as long as the backend.
std::unique_ptr<Backend> make_backend(const Options& options);

}  // namespace sounder::shm
