#include <sounder/mpi/sim_model.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::mpi {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array<Unit, 4> kSeconds{{{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}}};
constexpr std::array<Unit, 4> kBytes{{{"GB/s", 1e9}, {"MB/s", 1e6}, {"kB/s", 1e3}, {"B/s", 1}}};
constexpr std::array<Unit, 1> kPlain{{{"", 1}}};

struct Key {
  std::string_view name;
  double SimModel::*value;
  std::span<const Unit> units;
};
const std::array<Key, 7> kKeys{{{"compute", &SimModel::compute_seconds, kSeconds},
                                {"round", &SimModel::round_seconds, kSeconds},
                                {"vary", &SimModel::vary, kPlain},
                                {"latency", &SimModel::latency_seconds, kSeconds},
                                {"jitter", &SimModel::jitter, kPlain},
                                {"bandwidth", &SimModel::bytes_per_second, kBytes},
                                {"gap", &SimModel::gap_seconds, kSeconds}}};

const Key* key_of(std::string_view name) {
  for (const Key& key : kKeys)
    if (key.name == name) return &key;
  return nullptr;
}

/// Whether `text` is a number with one of the units; zero needs none.
bool take(std::string_view text, std::span<const Unit> units, double& value) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number) || number < 0) return false;
  const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (number == 0 && rest.empty()) return value = 0, true;
  for (const Unit& unit : units)
    if (unit.name == rest) return value = number * unit.factor, true;
  return false;
}

}  // namespace

SimModel SimModel::parse(const std::string& text, const char* flag) {
  SimModel model;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t equals = std::min(part.find('='), part.size());
    const Key* const key = key_of(part.substr(0, equals));
    if (!key || equals == part.size() || !take(part.substr(equals + 1), key->units, model.*(key->value)))
      throw Error(fmt::format("{} cannot use \"{}\": give compute=2us, round=1ms, vary=0.1, latency=50us, jitter=0.2, bandwidth=1GB/s or gap=1us", flag, part));
  }
  if (!(model.bytes_per_second > 0)) throw Error(fmt::format("{} bandwidth=0 lets nothing through: give bytes a second, as in bandwidth=1GB/s", flag));
  return model;
}

std::string SimModel::text() const {
  std::string text;
  for (const Key& key : kKeys) {
    const Unit& unit = key.units.back();
    text += fmt::format("{}{}={:.9g}{}", text.empty() ? "" : ",", key.name, this->*(key.value), unit.name);
  }
  return text;
}

}  // namespace sounder::mpi
