#include <algorithm>
#include <fstream>

#include <fmt/ranges.h>

#if SOUNDER_HAS_MPI
#include <mpi.h>
#endif

#include "outputs.hpp"
#include "settings_mpi.hpp"
#include "version.hpp"

namespace sounder::bench {
namespace {

/// For --version: the library, and what it is for.
std::string mpi_text() {
#if SOUNDER_HAS_MPI
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);  // may be called before MPI is initialized
  std::string library(text, static_cast<std::size_t>(length));
  library = library.substr(0, library.find_first_of(",\n"));
#else
  const std::string library = "not compiled in: --transport inproc or sim";
#endif
  return fmt::format("{}\nranks     {}", library, names_of(kRankModes));
}

std::string topology_help() {
  std::string help = "modes gossip, adpsgd and pushsum: who averages with whom (default ring; of pushsum one-peer):";
  for (const auto& topology : kTopologies) help += fmt::format("\n  {:<12} {}", topology.name, topology.help);
  return help;
}

int servers_of(const std::string& text) {
  constexpr std::string_view kDedicated = "dedicated:";
  if (text == "colocated") return 0;
  if (!text.starts_with(kDedicated)) throw Error(fmt::format("--servers \"{}\" is unknown: give colocated or dedicated:K", text));
  const int servers = number_of<int>("--servers dedicated:", text.substr(kDedicated.size()));
  if (servers < 1) throw Error(fmt::format("--servers dedicated:{} cannot be used: give one server or more", servers));
  return servers;
}

bool on_or_off(const char* flag, const std::string& text) {
  if (text != "on" && text != "off") throw Error(fmt::format("{} \"{}\" is unknown: give one of on, off", flag, text));
  return text == "on";
}

bool by_samples(const std::string& text) {
  if (text != "samples" && text != "ranks") throw Error(fmt::format("--weight \"{}\" is unknown: give one of samples, ranks", text));
  return text == "samples";
}

/// What --sim says itself, or the file that it names does.
mpi::SimModel model_of(const std::string& value) {
  if (value.find('=') != value.npos) return mpi::SimModel::parse(value);
  std::ifstream file(value);
  std::string text;
  if (!std::getline(file, text)) throw Error(fmt::format("--sim {} cannot be read: give a file that --calibrate wrote, or compute=2us and the like", value));
  return mpi::SimModel::parse(text, fmt::format("--sim {}", value).c_str());
}

void set_codec(const std::string& text, mpi::Options& o) {
  const std::size_t colon = text.find(':');
  const auto name = from_name(kCodecs, text.substr(0, colon));
  if (!name || (colon != text.npos && *name != CodecName::topk))
    throw Error(fmt::format("--codec \"{}\" is unknown: give one of {}, behind topk a share as in topk:0.01", text, names_of(kCodecs)));
  o.codec = *name;
  if (colon != text.npos) o.topk_share = number_of<double>("--codec topk:", text.substr(colon + 1));
}

/// The disciplines, and the two with a GPU.
std::vector<Named<NodeMode>> node_modes() {
  std::vector<Named<NodeMode>> all;
  for (const auto& mode : kModes) all.push_back({{.cpu = mode.value}, mode.name, mode.help});
  for (const auto& mode : cuda::kGpuModes)
    if (mode.value != cuda::GpuMode::cpu) all.push_back({{.gpu = mode.value}, mode.name, mode.help});
  return all;
}

void declare_modes(CommandLine& line, MpiSettings& s) {
  line.text("--mode", help_of("when ranks agree: a comma-separated list, or all that the other flags allow (default bsp)", kRankModes),
            "NAME[,NAME]", [&](const std::string& value) {
              s.modes = listed("--mode", kRankModes, value);
              s.all_modes = value == "all";
            });
  line.text("--node-mode",
            help_of("who trains inside each rank, and how: a comma-separated list, each with every --mode, or all that the other flags allow (default hogwild)", node_modes()),
            "NAME[,NAME]", [&](const std::string& value) {
              s.node_modes = listed("--node-mode", node_modes(), value);
              s.all_node_modes = value == "all";
            });
}

void declare_exchange(CommandLine& line, MpiSettings& s) {
  mpi::Options& o = s.between;
  line.name("--architecture", kArchitectures, o.architecture, "mode bsp: who adds up (default allreduce)");
  line.name("--reducer", kReducers, o.reducer, "mode bsp: how ranks add up (default ring)");
  line.number<int>("--ranks-per-node", o.ranks_per_node, "with --reducer hierarchical: so many ranks count as one machine (default 0: those with one host name)");
  line.text("--codec", help_of("mode bsp: how gradients travel; what a code leaves out goes along with a later round's (default none)", kCodecs), "NAME[:F]",
            [&](const std::string& value) { set_codec(value, o); });
  line.text("--overlap", "mode bsp: whether sums of gradients travel while others are computed; of mlp on dense examples (default on)", "on|off",
            [&](const std::string& value) { o.overlap = on_or_off("--overlap", value); });
  line.on("--deterministic", o.deterministic, "mode bsp: the same bits for any number of ranks and threads");
  line.text("--staleness", "modes ssp and pushsum: clocks that a rank may be ahead of what it reads (default 4, in pushsum 0); of ssp LO..HI: as many as let it wait least", "CLOCKS|LO..HI",
            [&](const std::string& value) {
              const std::size_t dots = value.find("..");
              o.least_staleness.reset();
              if (dots != value.npos) o.least_staleness = number_of<std::uint64_t>("--staleness", value.substr(0, dots));
              o.staleness = number_of<std::uint64_t>("--staleness", dots == value.npos ? value : value.substr(dots + 2));
            });
  line.name("--visibility", kVisibilities, o.visibility, "mode ssp: what a read may hold (default at-least)");
  line.name("--compensate", kCompensates, o.compensate, "mode async: what servers do to late updates (default none)");
  line.number<double>("--dc-lambda", o.dc_lambda, fmt::format("of --compensate dc (default {})", o.dc_lambda));
  line.text("--servers", "modes ssp and async: every rank serves and trains (colocated; of more than 16, as many serve as have 4 KiB of parameters each), or the last K only serve", "colocated|dedicated:K",
            [&](const std::string& value) { o.dedicated_servers = servers_of(value); });
  line.number<int>("--local-rounds", o.local_rounds, fmt::format("mode local: rounds between averages (default {})", o.local_rounds));
  line.text("--weight", "mode local: each rank's weight in the average: its examples, or the same for all (default ranks)", "samples|ranks",
            [&](const std::string& value) { o.weight_samples = by_samples(value); });
  line.number<double>("--participation", o.participation, "mode local: share of the ranks that train between two averages (default 1)");
  line.number<double>("--outer-momentum", o.outer_momentum, "mode local: momentum of the averaged movement (default 0)");
  line.path("--topology", o.topology, topology_help(), "NAME");
  line.on("--allow-disconnected", o.allow_disconnected, "with --topology: several parts are no mistake");
  line.text("--backup", "mode backup: ranks whose gradients of a round need not come (default: one in four)", "B",
            [&](const std::string& value) { o.backup = number_of<int>("--backup", value); });
  line.number<int>("--evict-after", o.evict_after, "mode backup: take out a rank that was too late for so many rounds in a row (default 0: never)");
  line.name("--partition", kPartitions, o.partition, "which examples a rank trains on (default hash)");
  line.name("--balance", kBalances, o.balance, "what an epoch is in modes whose ranks do not all wait for each other (default processed)");
  line.text("--pad", "every round lasts at least MS milliseconds, asleep (default 0)", "MS",
            [&](const std::string& value) { o.pad_seconds = number_of<double>("--pad", value) / 1000; });
  line.path("--straggler", o.straggler, "slow ranks, in multiples of --pad: rank:1=4x, random:p=0.1,10x, or pareto:1.5", "SPEC");
  line.on("--audit", o.audit, "check that every read is as fresh, and every merge as whole, as the mode promises");
  line.number<double>("--deadline", o.deadline_seconds, fmt::format("seconds that a rank is waited for before it counts as lost (default {})", o.deadline_seconds));
}

void declare_ranks(CommandLine& line, MpiSettings& s) {
  line.name("--transport", kTransports, s.transport, fmt::format("what a rank is (default {})", name_of(kTransports, s.transport)));
  line.number<int>("--ranks", s.ranks, "with --transport inproc or sim: how many (default 1)");
  line.text("--sim",
            fmt::format("with --transport sim: seconds of an example and of a round, their variation; latency, its variation, bandwidth and gap between messages (default {}); or what --calibrate wrote",
                        mpi::SimModel{}.text()),
            "KEY=VALUE[,...]|FILE", [&](const std::string& value) { s.sim = model_of(value); });
  line.path("--calibrate", s.calibrate, "write what rounds and messages of this run took, for --sim", "FILE");
  line.path("--trace", s.trace, "write who did what when, for chrome://tracing or ui.perfetto.dev", "FILE");
  line.on("--verbose", s.verbose, "each rank says who and where it is");
}

/// A flag that is of some modes between ranks, and that these obey.
struct FlagOfModes {
  const char* flag;
  std::vector<RankMode> modes;
};

std::vector<FlagOfModes> flags_of_modes(Architecture architecture) {
  using enum RankMode;
  const bool by_server = architecture == Architecture::server;
  return {{"--staleness", {ssp, pushsum}},
          {"--visibility", {ssp}},
          {"--topology", {gossip, adpsgd, pushsum}},
          {"--allow-disconnected", {gossip, adpsgd, pushsum}},
          {"--servers", by_server ? std::vector{bsp, ssp, async} : std::vector{ssp, async}},
          {"--compensate", {async}},
          {"--dc-lambda", {async}},
          {"--architecture", {bsp}},
          {"--reducer", {bsp}},
          {"--ranks-per-node", {bsp}},
          {"--codec", {bsp}},
          {"--overlap", {bsp}},
          {"--deterministic", {bsp}},
          {"--local-rounds", {local}},
          {"--weight", {local}},
          {"--participation", {local}},
          {"--outer-momentum", {local}},
          {"--backup", {backup}},
          {"--evict-after", {backup}}};
}

/// Flags of GPUs that no chosen node mode obeys. Throws Error.
void check_obeyed_inside(const CommandLine& line, const MpiSettings& s) {
  std::vector<cuda::GpuMode> modes;
  std::vector<std::string_view> names;
  for (const NodeMode& mode : s.node_modes) modes.push_back(mode.gpu), names.push_back(mode.name());
  const std::string chosen = fmt::format("{}", fmt::join(names, ", "));
  check_obeyed_by_gpu(line, s.gpu, modes, "--node-mode", chosen);
  if (line.given("--device") && std::ranges::none_of(s.node_modes, &NodeMode::uses_gpu))
    throw Error(fmt::format("--device does nothing with --node-mode {}: leave it out, or give --node-mode gpu or hybrid", chosen));
}

/// Flags that none of the chosen modes obeys, or that another flag takes the effect of. Throws Error.
void check_obeyed_between(const CommandLine& line, const MpiSettings& s) {
  const auto names = [](const std::vector<RankMode>& modes, const char* between) {
    std::vector<std::string_view> all;
    for (const RankMode mode : modes) all.push_back(name_of(kRankModes, mode));
    return fmt::format("{}", fmt::join(all, between));
  };
  for (const auto& [flag, modes] : flags_of_modes(s.between.architecture))
    if (line.given(flag) && std::ranges::find_first_of(s.modes, modes) == s.modes.end())
      throw Error(fmt::format("{} does nothing in mode {}: leave it out, or give --mode {}", flag, names(s.modes, ", "), names(modes, " or ")));
  if (line.given("--reducer") && s.between.architecture == Architecture::server && s.between.reducer != ReducerName::deterministic)  // that is refused by name
    throw Error("--reducer does nothing with --architecture server: leave one of them out");
  if (line.given("--reducer") && s.between.codec != CodecName::none && s.between.reducer != ReducerName::deterministic)
    throw Error(fmt::format("--reducer does nothing with --codec {}, whose gradients go to all ranks: leave one of them out", name_of(kCodecs, s.between.codec)));
  if (line.given("--ranks-per-node") && s.between.reducer != ReducerName::hierarchical)
    throw Error(fmt::format("--ranks-per-node does nothing with --reducer {}: leave it out, or give --reducer hierarchical", name_of(kReducers, s.between.reducer)));
  if (line.given("--dc-lambda") && s.between.compensate != Compensate::dc)
    throw Error(fmt::format("--dc-lambda does nothing with --compensate {}: leave it out, or give --compensate dc", name_of(kCompensates, s.between.compensate)));
  if (line.given("--allow-disconnected") && s.between.topology.empty())
    throw Error("--allow-disconnected does nothing without --topology: give both or neither");
}

void check(const CommandLine& line, const MpiSettings& s) {
  s.options.validate();
  const bool simulated = s.transport == TransportName::sim;
  const int most = simulated ? 1024 : 256;
  if (s.ranks < 1 || s.ranks > most) throw Error(fmt::format("--ranks {} cannot be used: give 1 to {}", s.ranks, most));
  if (line.given("--sim") && !simulated) throw Error("--sim does nothing without --transport sim: give both or neither");
  if (simulated && !s.threads.empty() && s.threads != std::vector{1})
    throw Error("--threads goes with ranks that are real: a simulated rank computes with one worker; leave it out");
  if (simulated && s.between.reducer == ReducerName::mpi) throw Error("--reducer mpi needs the MPI library, which --transport sim does without: give --reducer ring");
  if (s.transport == TransportName::mpi && s.ranks != 1)
    throw Error(fmt::format("--ranks {} goes with --transport inproc or sim: the number of MPI ranks is said to mpirun, as in mpirun -n {}", s.ranks, s.ranks));
  if (s.transport != TransportName::mpi && s.launch.started && s.launch.size != 1)
    throw Error(fmt::format("--transport {} has its ranks in one process: leave mpirun out, and give --ranks", name_of(kTransports, s.transport)));
  check_obeyed_between(line, s);
  check_obeyed_inside(line, s);
  check_problem(s);
  check_checkpoints(s);
  check_options(s.model);
  if (simulated && !s.calibrate.empty()) throw Error("--calibrate measures real ranks: leave it out of --transport sim");
  if (!s.calibrate.empty() && s.size() == 1) throw Error("--calibrate measures messages too: give 2 ranks or more");
  std::vector<Output> outputs = outputs_of(s);
  outputs.push_back({"--calibrate", s.calibrate});
  outputs.push_back({"--trace", s.trace});
  if (s.launch.rank == 0) check_files(inputs_of(s), outputs);  // other ranks write nothing
  if (s.size() > 0) plan_of(s, s.size());
}

}  // namespace

std::optional<MpiSettings> parse_mpi(int argc, const char* const* argv, const Launch& launch) {
  MpiSettings settings;
  settings.program = "bench_mpi";
  settings.launch = launch;
#if !SOUNDER_HAS_MPI
  settings.transport = TransportName::inproc;
#endif
  CommandLine line("Trains a model by stochastic gradient descent on many ranks, under any model of consistency between them.",
                   settings.program, version_text(mpi_text(), gpu_text()));
  declare_modes(line, settings);
  declare_problem(line, settings);
  declare_training(line, settings,
                   {.threads = "workers of each rank, a comma-separated list (default: the cores of a machine over the ranks on it)",
                    .step = "step size of the first epoch, or auto: the best of a race on the examples of one rank (default: from the model and the data)",
                    .batch = "examples a round, over all ranks, or all (default: by the mode)",
                    .target_loss = "tell when the training loss came to this; no run ends there"});
  declare_exchange(line, settings);
  declare_gpu(line, settings.gpu);
  declare_ranks(line, settings);
  declare_files(line, settings);
  declare_checkpoints(line, settings);
  line.on("--quiet", settings.quiet, "no live line and no table");
  if (const std::string answer = line.parse(argc, argv); !answer.empty()) {
    if (launch.rank == 0) fmt::print("{}", answer);
    return std::nullopt;
  }
  settings.load.format = format_of(settings.model.model);
  if (settings.transport == TransportName::sim && !line.given("--telemetry")) settings.options.telemetry = TelemetryName::off;  // it looks at clocks
  check(line, settings);
  return settings;
}

}  // namespace sounder::bench
