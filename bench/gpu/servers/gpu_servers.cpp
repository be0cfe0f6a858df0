// Where the gradients of several GPUs come together: gpu_servers [--device auto|cuda|emu] [--gpus N] [--share] [--megabytes M] [--repeat R].
// Times the three server placements, beside what the formulas of "Dive into Deep Learning", chapter "Parameter Servers", say they take on links
// as fast as those that are here. Exit status: 0 all sums are right, 1 one is not, 2 bad input or an error, 77 fewer GPUs than that.
#include <charconv>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "gpu/servers/exchange.hpp"

namespace {

using namespace sounder;
using namespace sounder::cuda;

struct Settings {
  DeviceName device = DeviceName::automatic;
  int gpus = 0;        ///< 0: as many as there are; emulated ones: 4
  bool share = false;  ///< where there are fewer, several of them play on one
  int megabytes = 160, repeat = 5;
};

int usage(std::FILE* to) {
  fmt::print(to,
             "gpu_servers [FLAGS]: gradients of several GPUs are added up and handed out, in every server placement\n"
             "  --device auto|cuda|emu  a GPU where there is one, else exit status 77; emu: GPUs played by threads\n"
             "  --gpus N                how many, 1 to {} (default: all; of emu 4)\n"
             "  --share                 where there are fewer, several of them play on one\n"
             "  --megabytes M           of a gradient, 1 to 4096 (default 160)\n"
             "  --repeat R              the median of so many counts (default 5)\n",
             kMostGpus);
  return to == stderr ? 2 : 0;
}

int number_of(std::string_view flag, std::string_view text, int most) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1 || number > most)
    throw Error(fmt::format("{} \"{}\" cannot be used: give 1 to {}", flag, text, most));
  return number;
}

Settings parse(int argc, char** argv) {
  Settings s;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--share") {
      s.share = true;
      continue;
    }
    const std::string_view value = i + 1 < argc ? argv[++i] : "";
    if (flag == "--gpus") s.gpus = number_of(flag, value, kMostGpus);
    else if (flag == "--megabytes") s.megabytes = number_of(flag, value, 4096);
    else if (flag == "--repeat") s.repeat = number_of(flag, value, 1000);
    else if (const auto device = from_name(kDevices, value); flag == "--device" && device && *device != DeviceName::none) s.device = *device;
    else throw Error(fmt::format("{} {} is unknown: --help lists what there is", flag, value));
  }
  return s;
}

/// As many as are asked for; none: there are not so many, and why is printed.
std::vector<std::unique_ptr<Device>> make_devices(const Settings& s) {
  std::vector<std::unique_ptr<Device>> devices;
  if (s.device == DeviceName::emu) {
    for (int i = 0; i < (s.gpus ? s.gpus : 4); ++i) devices.push_back(make_emulated_device());
    return devices;
  }
  if (const DeviceStatus status = cuda_status(); status.absence != Absence::none) {
    fmt::print(stderr, "gpu_servers: {}\n", status.sentence);
    return devices;
  }
  const int here = cuda_devices(), gpus = s.gpus ? s.gpus : std::min(here, kMostGpus);
  if (gpus > here && !s.share) {
    fmt::print(stderr, "gpu_servers: --gpus {} are more than the {} here: give fewer, or --share to let several play on one\n", gpus, here);
    return devices;
  }
  for (int i = 0; i < gpus; ++i) devices.push_back(make_cuda_device(i));
  return devices;
}

std::string both(double a, double b) { return fmt::format("{:.3g} + {:.3g}", 1e3 * a, 1e3 * b); }

int run(const Settings& s) {
  const auto devices = make_devices(s);
  if (devices.empty()) return 77;
  std::vector<Device*> all;
  for (const auto& device : devices) all.push_back(device.get());
  const std::size_t floats = static_cast<std::size_t>(s.megabytes) * 1'000'000 / sizeof(float);
  const double bytes = static_cast<double>(floats * sizeof(float)), n = static_cast<double>(all.size());

  const ServerPlan plan = plan_servers(ServerPlacement::automatic, all);
  const Links links = measure_links(all, floats, s.repeat);
  fmt::print("{} x {}{}; --server-placement auto is {}: {}\n", all.size(), all[0]->caps().name, s.share ? " (several may play on one)" : "",
             name_of(kServerPlacements, plan.placement), plan.why);
  fmt::print("GB/s of one link, and of all of them together: to the host {:.3g} and {:.3g}, from it {:.3g} and {:.3g}, between GPUs {:.3g} and {:.3g}\n",
             links.to_host.one / 1e9, links.to_host.all / 1e9, links.from_host.one / 1e9, links.from_host.all / 1e9, links.between.one / 1e9, links.between.all / 1e9);
  fmt::print("gradients of {} MB, milliseconds to add up + to hand out; adding {} of them on one GPU takes {:.3g} of these\n\n", s.megabytes, all.size(),
             1e3 * measure_adding(*all[0], floats, static_cast<int>(all.size()), s.repeat));
  fmt::print("{:<8} {:<13} {:>10} {:>15} {:>15} {:>15} {:>15} {:>8} {:>8}\n", "", "vectors over", "MB over", "16 GB/s a link", "links of", "all links", "", "of", "of all");
  fmt::print("{:<8} {:<13} {:>10} {:>15} {:>15} {:>15} {:>15} {:>8} {:>8}\n", "servers", "a link", "a link", "(the text)", "their own", "together", "measured", "own", "together");

  bool right = true;
  for (const Exchange& exchange : measure_exchanges(all, floats, s.repeat)) {
    const Formula formula = formula_of(exchange.placement, n);
    const bool by_host = exchange.placement == ServerPlacement::cpu;
    const Link& in = by_host ? links.to_host : links.between;
    const Link& out = by_host ? links.from_host : links.between;
    const double busiest = formula.vectors * bytes, moved = static_cast<double>(exchange.carried.all);
    const auto seconds = [](double amount, double speed) { return amount > 0 ? amount / speed : 0; };
    const double own = seconds(busiest, in.one) + seconds(busiest, out.one), together = seconds(moved, in.all) + seconds(moved, out.all);
    const double measured = exchange.reduce_seconds + exchange.broadcast_seconds;
    const auto ratio = [&](double of) { return of > 0 ? fmt::format("{:.2f}", measured / of) : std::string("-"); };
    fmt::print("{:<8} {:<13} {:>10.1f} {:>15} {:>15} {:>15} {:>15} {:>8} {:>8}{}\n", name_of(kServerPlacements, exchange.placement), formula.text,
               2 * static_cast<double>(exchange.carried.busiest) / 1e6, both(busiest / 16e9, busiest / 16e9),
               both(seconds(busiest, in.one), seconds(busiest, out.one)), both(seconds(moved, in.all), seconds(moved, out.all)),
               both(exchange.reduce_seconds, exchange.broadcast_seconds), ratio(own), ratio(together), exchange.right ? "" : "  WRONG SUM");
    right &= exchange.right;
  }
  return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--help") return usage(stdout);
  try {
    return run(parse(argc, argv));
  } catch (const std::exception& error) {
    fmt::print(stderr, "gpu_servers: {}\n", error.what());
    return 2;
  }
}
