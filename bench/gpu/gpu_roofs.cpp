// What a GPU can do at most, and what Sounder's kernels do of it: gpu_roofs [--json FILE] [--scale X] [NAME...].
// Exit status: 0 all bars met, 1 a bar missed, 2 bad input or an error, 77 no GPU.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "gpu/measurements.hpp"

namespace {

using namespace sounder::cuda;

struct Measurement {
  std::string_view name, help;
  void (*run)(Bench&);
};
// Managed memory last: a mishap there may take the GPU with it.
constexpr std::array<Measurement, 7> kMeasurements{{
    {"copy", "a copy inside of the GPU", measure_copies},
    {"mf", "matrix factorization of 128 and 32 factors, 99 M ratings, against the same accesses without arithmetic", measure_mf},
    {"logistic", "logistic regression, 73 of 47,236 features a row, against the same accesses without arithmetic", measure_logistic},
    {"mlp", "mini-batches of a multilayer perceptron on 1 and on 8 streams; needs cuBLAS", measure_mlp},
    {"conservation", "all workers on the same words: adds lose nothing, loads and stores do", measure_conservation},
    {"bus", "memory of the host read and written by kernels, and the exchange of master and mirror", measure_bus},
    {"exactness", "CPU threads and GPU on words of the same cache lines: no update of either is lost", measure_exactness},
}};

int usage(std::FILE* to) {
  fmt::print(to, "gpu_roofs [--json FILE] [--scale X] [NAME...], where NAME is (default: all)\n");
  for (const Measurement& m : kMeasurements) fmt::print(to, "  {:<13} {}\n", m.name, m.help);
  return to == stderr ? 2 : 0;
}

int run(const std::string& json, double scale, const std::vector<const Measurement*>& chosen) {
  if (const DeviceStatus status = cuda_status(); status.absence != Absence::none) {
    fmt::print(stderr, "gpu_roofs: {}\n", status.sentence);
    return 77;
  }
  const auto device = make_cuda_device();
  const Caps& caps = device->caps();
  fmt::print("{}: sm_{}, {} multiprocessors, L2 {} MiB, {:.1f} of {:.1f} GiB free; concurrent managed access {}, host native atomics {}, "
             "direct managed access {}, pageable memory access {}\n",
             caps.name, caps.compute_capability, caps.multiprocessors, caps.l2_bytes >> 20, static_cast<double>(caps.free_bytes) / 0x1p30,
             static_cast<double>(caps.total_bytes) / 0x1p30, caps.concurrent_managed_access, caps.host_native_atomics,
             caps.direct_managed_access, caps.pageable_memory_access);
  Report report(json, scale >= 1);
  Bench bench{*device, report, scale};
  int status = 0;
  for (const Measurement* m : chosen) try {
      m->run(bench);
    } catch (const std::exception& error) {
      fmt::print(stderr, "gpu_roofs: {}: {}\n", m->name, error.what());
      status = 2;
      break;  // after an error nothing on the GPU can be trusted
    }
  fmt::print("{}", report.table());
  return status ? status : report.failed() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string json;
  double scale = 1;
  std::vector<const Measurement*> chosen;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help") return usage(stdout);
    if ((word == "--json" || word == "--scale") && i + 1 < argc) {
      if (word == "--json") json = argv[++i];
      else scale = std::atof(argv[++i]);
      continue;
    }
    const auto* found = std::find_if(kMeasurements.begin(), kMeasurements.end(), [&](const Measurement& m) { return m.name == word; });
    if (found == kMeasurements.end()) {
      fmt::print(stderr, "gpu_roofs: no measurement '{}'\n", word);
      return usage(stderr);
    }
    chosen.push_back(found);
  }
  if (!(scale > 0 && scale <= 4)) {
    fmt::print(stderr, "gpu_roofs: --scale must be above 0 and at most 4\n");
    return 2;
  }
  if (chosen.empty())
    for (const Measurement& m : kMeasurements) chosen.push_back(&m);
  try {
    return run(json, scale, chosen);
  } catch (const std::exception& error) {
    fmt::print(stderr, "gpu_roofs: {}\n", error.what());
    return 2;
  }
}
