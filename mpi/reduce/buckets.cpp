#include "reduce/buckets.hpp"

#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::mpi {

Buckets::Buckets(Endpoint& endpoint, std::unique_ptr<WalkedReducer> reducer, std::vector<std::size_t> ends)
    : endpoint_(endpoint), reducer_(std::move(reducer)), ends_(std::move(ends)), floats_(ends_.back()) {}

Buckets::~Buckets() {
  for (const auto& sum : sums_) sum->under_way.stop();  // all, before one is gone: they ask each other whether they may set out
}

std::span<float> Buckets::operator[](std::size_t i) {
  const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
  return std::span(floats_).subspan(begin, ends_[i] - begin);
}

void Buckets::open() {
  sums_.clear();
  if (endpoint_.size() == 1) return;
  for (std::size_t i = 0; i < count(); ++i) sums_.push_back(std::make_unique<Sum>(endpoint_, *reducer_, (*this)[i]));
}

void Buckets::announce(std::size_t i) {
  if (sums_.empty()) return;
  sums_[i]->under_way.begin(sums_[i]->walks, [this, i] { return i < kUnderWay || sums_[i - kUnderWay]->under_way.ended(); });
}

std::span<const float> Buckets::await(std::size_t i) {
  if (!sums_.empty()) {
    if (!sums_[i]->under_way.begun())
      throw Error(fmt::format("piece {} of {} of a gradient was waited for and never announced", i + 1, count()));
    sums_[i]->under_way.end(reducer_->what());
  }
  return (*this)[i];
}

}  // namespace sounder::mpi
