// A consumer of sounder::cuda: trains on the emulated device beside one CPU thread, and says whether there is a GPU.
#include <cstdio>

#include <sounder/cuda/backend.hpp>
#include <sounder/data/load.hpp>
#include <sounder/model/logistic.hpp>
#include <sounder/train/fit.hpp>

int main() {
  using namespace sounder::cuda;
  const auto data = sounder::Dataset::train(sounder::load("synthetic:zipf,examples=2000"));
  const sounder::Options options{.epochs = 1};
  const auto backend = make_backend({.mode = GpuMode::hybrid}, DeviceName::emu, sounder::make_serial_backend());
  const sounder::Result result = sounder::fit(sounder::Logistic(data, 0), data, options, *backend);
  const DeviceStatus gpu = status_of(DeviceName::cuda);
  std::printf("%d updates\n%s\n", static_cast<int>(result.curve.back().updates), gpu.absence == Absence::none ? "there is a GPU" : gpu.sentence.c_str());
}
