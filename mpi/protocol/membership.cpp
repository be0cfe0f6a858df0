#include "protocol/membership.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace sounder::mpi {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kWaitsInText = 8;

Payload payload_of(const Json& message) {
  const std::string text = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  return Payload::of(std::vector<char>(text.begin(), text.end()));
}

std::string_view text_of(const Payload& payload) {
  const auto bytes = payload.as<char>();
  return {bytes.data(), bytes.size()};
}

Json json_of(const WaitReport& wait) { return {wait.on, wait.what, wait.clock, wait.seconds, wait.overdue}; }

WaitReport wait_of(const Json& json) {
  WaitReport wait;
  json.at(0).get_to(wait.on);
  json.at(1).get_to(wait.what);
  json.at(2).get_to(wait.clock);
  json.at(3).get_to(wait.seconds);
  json.at(4).get_to(wait.overdue);
  return wait;
}

}  // namespace

Membership::Membership(int rank, int size, double grace_seconds, std::function<std::vector<WaitReport>()> report)
    : rank_(rank), size_(size), grace_(grace_seconds), report_(std::move(report)) {}

bool Membership::View::merge(const View& other) {
  const View before = *this;
  missing.insert(other.missing.begin(), other.missing.end());
  waits.insert(other.waits.begin(), other.waits.end());  // a rank reports once
  if (hosts.empty()) hosts = other.hosts;
  return !(*this == before);
}

void Membership::suspect(double now, Outbox& out) {
  if (phase_ == Phase::idle && !verdict_) join(now, out);
}

void Membership::join(double now, Outbox& out) {
  phase_ = Phase::asking;
  since_ = now;
  view_.waits[rank_] = report_();
  view_.hosts = hosts_;
  tell(out, "ask");
  conclude(now, out);
}

void Membership::receive(double now, const Frame& frame, Outbox& out) {
  const int from = frame.header.source;
  const Json message = Json::parse(text_of(frame.payload));
  const std::string type = message.at("type");
  if (type == "verdict") {
    // Not from one whom this rank has told others that it misses: they may decide on that.
    if (!verdict_ && !view_.missing.contains(from)) verdict_ = message.at("text").get<std::string>();
    return;
  }
  if (verdict_) return tell_verdict(from, out);
  if (phase_ == Phase::idle) join(now, out);
  if (verdict_) return;

  View view;
  message.at("missing").get_to(view.missing);
  message.at("hosts").get_to(view.hosts);
  for (const Json& entry : message.at("waits")) {
    std::vector<WaitReport>& waits = view.waits[entry.at(0).get<int>()];
    for (const Json& wait : entry.at(1)) waits.push_back(wait_of(wait));
  }
  heard_.insert(from);
  const bool grew = view_.merge(view);
  if (type == "view") views_[from] = std::move(view);
  if (grew && phase_ == Phase::agreeing) {
    since_ = now;
    tell(out, "view");
  }
  conclude(now, out);
}

void Membership::tick(double now, Outbox& out) {
  if (!active()) return;
  // Another rank may end its own asking a grace time later than this one, and answers only then.
  if (now - since_ < (phase_ == Phase::asking ? grace_ : 2 * grace_)) return;
  const std::set<int> missing = view_.missing;
  for (int rank = 0; rank < size_; ++rank) {
    if (!expected(rank)) continue;
    const auto view = views_.find(rank);
    const bool answered = phase_ == Phase::asking ? heard_.contains(rank) : view != views_.end() && view->second == view_;
    if (!answered) view_.missing.insert(rank);
  }
  since_ = now;
  if (phase_ == Phase::asking || missing != view_.missing) {
    phase_ = Phase::agreeing;
    tell(out, "view");
  }
  conclude(now, out);
}

void Membership::leave(int rank) { left_.insert(rank); }

void Membership::announce(const std::string& reason, Outbox& out) {
  const bool told = verdict_.has_value() && told_;
  if (!verdict_) verdict_ = reason;
  if (told) return;
  told_ = true;
  for (int rank = 0; rank < size_; ++rank)
    if (rank != rank_) tell_verdict(rank, out);
}

bool Membership::agreed() const {
  for (int rank = 0; rank < size_; ++rank) {
    if (!expected(rank)) continue;
    const auto view = views_.find(rank);
    if (view == views_.end() || !(view->second == view_)) return false;
  }
  return true;
}

/// Goes on to the next phase where nobody is waited for any more.
void Membership::conclude(double now, Outbox& out) {
  if (phase_ == Phase::asking) {
    for (int rank = 0; rank < size_; ++rank)
      if (expected(rank) && !heard_.contains(rank)) return;
    phase_ = Phase::agreeing;
    since_ = now;
    tell(out, "view");
  }
  if (!verdict_ && agreed()) announce(text(), out);
}

void Membership::tell(Outbox& out, const char* type) {
  Json message{{"type", type}, {"missing", view_.missing}, {"hosts", view_.hosts}, {"waits", Json::array()}};
  for (const auto& [rank, waits] : view_.waits) {
    Json list = Json::array();
    for (const WaitReport& wait : waits) list.push_back(json_of(wait));
    message["waits"].push_back({rank, std::move(list)});
  }
  const Payload payload = payload_of(message);
  for (int rank = 0; rank < size_; ++rank)  // those that are missing too: one that wakes up learns what was decided
    if (rank != rank_) out.send(rank, Header{.kind = Kind::verdict}, payload);
}

void Membership::tell_verdict(int to, Outbox& out) {
  out.send(to, Header{.kind = Kind::verdict}, payload_of({{"type", "verdict"}, {"text", *verdict_}}));
}

std::string Membership::text() const {
  const auto name = [&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    return index < view_.hosts.size() ? fmt::format("{} on {}", rank, view_.hosts[index]) : fmt::format("{}", rank);
  };
  const auto what = [](const WaitReport& wait) {
    constexpr std::string_view kRound = "the round";
    std::string text = wait.what.empty() ? "a message" : wait.what;
    if (text.ends_with(kRound)) text.replace(text.size() - kRound.size(), kRound.size(), fmt::format("round {}", wait.clock));
    return text;
  };
  const auto waited = [&](int rank, const WaitReport& wait) {
    const char* const ranks = wait.on.size() == 1 ? " for rank " : wait.on.empty() ? "" : " for ranks ";
    return fmt::format("rank {} waited {:.3g} s{}{} ({})", rank, wait.seconds, ranks, fmt::join(wait.on, ", "), what(wait));
  };
  std::vector<std::string> waits;
  std::set<int> awaited;  // of waits that are overdue
  for (const bool overdue : {true, false})
    for (const auto& [rank, each] : view_.waits)
      for (const WaitReport& wait : each) {
        if (wait.overdue != overdue) continue;
        waits.push_back(waited(rank, wait));
        if (overdue) awaited.insert(wait.on.begin(), wait.on.end());
      }
  if (waits.size() > kWaitsInText) {
    waits.resize(kWaitsInText);
    waits.emplace_back("and so on");
  }
  const std::string who_waits = fmt::format("{}", fmt::join(waits, ", "));

  std::vector<std::string> names;
  if (!view_.missing.empty()) {
    for (const int rank : view_.missing) names.push_back(name(rank));
    const bool one = names.size() == 1;
    return fmt::format("rank{} {} {} not answer{}{}; start again, or raise --deadline", one ? "" : "s", fmt::join(names, ", "),
                       one ? "does" : "do", who_waits.empty() ? "" : ": ", who_waits);
  }
  // All answer. Who is waited for and waits for nobody is behind with its own work.
  for (const int rank : awaited) {
    const auto own = view_.waits.find(rank);
    const bool waits_too = own != view_.waits.end() && !own->second.empty();
    names.push_back(fmt::format("rank {} is alive but behind, and waits for {}", name(rank), waits_too ? "others itself" : "nobody: it computes"));
  }
  return fmt::format("the deadline has passed: {}{}{}; raise --deadline, or give slow ranks less to do", who_waits,
                     names.empty() ? "" : "; ", fmt::join(names, "; "));
}

}  // namespace sounder::mpi
