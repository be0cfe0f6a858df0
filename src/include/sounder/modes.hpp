// Every word that a flag may take: one enum and ONE table {value, name, one-line help} each.
// The command line, the records, the error messages, the documentation check and the tests read these tables.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace sounder {

template <class Enum>
struct Named {
  Enum value;
  std::string_view name;
  std::string_view help;
};

/// A discipline: how the workers inside a node share the parameters.
enum class Mode { serial, hogwild, atomic, locked, cached, batched, roundrobin, averaged, replicated, snapshot, conflictfree };
inline constexpr std::array<Named<Mode>, 11> kModes{{
    {Mode::serial, "serial", "one thread, no sharing: the reference that every other mode is held against"},
    {Mode::hogwild, "hogwild", "lock-free threads, relaxed loads and stores; updates may be lost"},
    {Mode::atomic, "atomic", "lock-free threads, atomic adds; no update is lost"},
    {Mode::locked, "locked", "each example locks its rows; every step is isolated"},
    {Mode::cached, "cached", "private copies of the hot rows, merged every few updates; cold rows lock-free"},
    {Mode::batched, "batched", "each worker gathers a private mini-batch, then publishes it lock-free"},
    {Mode::roundrobin, "roundrobin", "gradients in parallel, writes one worker after the other in a fixed order"},
    {Mode::averaged, "averaged", "each worker trains a copy of its own; averaged at the end of each epoch"},
    {Mode::replicated, "replicated", "a replica a core or NUMA node, shared lock-free, merged now and then"},
    {Mode::snapshot, "snapshot", "steps read a consistent version; new ones are published by compare-and-swap"},
    {Mode::conflictfree, "conflictfree", "the same bits for any number of threads, by what the data allow"},
}};

/// When the ranks of a run agree on the parameters. Inside of each, workers share them by a Mode.
enum class RankMode { bsp, ssp, async, local, gossip, backup, adpsgd, pushsum, rma };
inline constexpr std::array<Named<RankMode>, 9> kRankModes{{
    {RankMode::bsp, "bsp", "every round sums the gradients of all ranks: the steps of one process, in parallel"},
    {RankMode::ssp, "ssp", "no rank is more than --staleness clocks ahead of what it reads"},
    {RankMode::async, "async", "ranks push and pull without waiting for each other"},
    {RankMode::local, "local", "each rank trains alone for some rounds, then the parameters are averaged"},
    {RankMode::gossip, "gossip", "after every round each rank averages with its neighbours in --topology"},
    {RankMode::backup, "backup", "as bsp, but every round sums the first gradients, and lets those of the last --backup ranks go"},
    {RankMode::adpsgd, "adpsgd", "after every round a rank averages with one of its neighbours, and waits for nobody's training"},
    {RankMode::pushsum, "pushsum", "after every round a rank gives half of its mass to one other, which need not answer"},
    {RankMode::rma, "rma", "as async, but each rank reads and adds in the others' memory itself (one-sided MPI): for contrast"},
}};

/// How bsp adds up gradients.
enum class Architecture { allreduce, server };
inline constexpr std::array<Named<Architecture>, 2> kArchitectures{{
    {Architecture::allreduce, "allreduce", "every rank gets the sum of all, and steps by itself"},
    {Architecture::server, "server", "servers sum, step, and hand out the rows"},
}};

enum class ReducerName { ring, double_ring, tree, hierarchical, mpi, deterministic };
inline constexpr std::array<Named<ReducerName>, 6> kReducers{{
    {ReducerName::ring, "ring", "own ring: reduce-scatter, then all-gather, in chunks"},
    {ReducerName::double_ring, "double-ring", "two rings, half of the vector each, one in either direction"},
    {ReducerName::tree, "tree", "up a binomial tree and down again: fewest messages one after the other, and rank 0 moves most"},
    {ReducerName::hierarchical, "hierarchical", "inside of each machine first, then a ring between machines (--ranks-per-node)"},
    {ReducerName::mpi, "mpi", "MPI_Iallreduce of the MPI library"},
    {ReducerName::deterministic, "deterministic", "a fixed tree over virtual shards: the same bits for any number of ranks and threads"},
}};

/// How bsp writes gradients down for travelling; behind `topk` stands its argument.
enum class CodecName { none, topk, int8, onebit };
inline constexpr std::array<Named<CodecName>, 4> kCodecs{{
    {CodecName::none, "none", "as they are"},
    {CodecName::topk, "topk", ":F, the share F of a rank's values that are largest, as they are"},
    {CodecName::int8, "int8", "a byte a value, and a scale for every 64"},
    {CodecName::onebit, "onebit", "the sign of each value, and two means for every 64"},
}};

/// What a read in mode ssp may hold.
enum class Visibility { at_least, exact };
inline constexpr std::array<Named<Visibility>, 2> kVisibilities{{
    {Visibility::at_least, "at-least", "all updates up to the bound, and newer ones that have come in"},
    {Visibility::exact, "exact", "all updates up to the bound, and no other rank's newer ones"},
}};

/// How a server in mode async treats an update that is late.
enum class Compensate { none, scale, dc };
inline constexpr std::array<Named<Compensate>, 3> kCompensates{{
    {Compensate::none, "none", "as it is"},
    {Compensate::scale, "scale", "divided by its staleness (Zhang et al. 2016)"},
    {Compensate::dc, "dc", "delay compensation by the squared gradient (DC-ASGD, Zheng et al. 2017)"},
}};

/// The graphs of --topology; behind `random` stands its argument, and any other word is the name of a file.
enum class TopologyName { ring, torus, hypercube, exponential, one_peer, star, complete, random, file };
inline constexpr std::array<Named<TopologyName>, 9> kTopologies{{
    {TopologyName::ring, "ring", "each rank and its two neighbours"},
    {TopologyName::torus, "torus", "the most square grid of the ranks, its sides joined; not for a prime number above 3"},
    {TopologyName::hypercube, "hypercube", "ranks whose numbers differ in one bit; for a power of two"},
    {TopologyName::exponential, "exponential", "rank i hears from i + 1, i + 2, i + 4, ..."},
    {TopologyName::one_peer, "one-peer", "in round t rank i hears from i + 2^t alone: the exact mean of a power of two in log2 rounds"},
    {TopologyName::star, "star", "rank 0 and everyone: the slowest to agree"},
    {TopologyName::complete, "complete", "everyone and everyone: the exact mean in every round"},
    {TopologyName::random, "random", ":D, each rank has D neighbours drawn from --seed; ranks times D must be even"},
    {TopologyName::file, "FILE", "lines of two ranks \"u v\" that hear from each other; from # on: a comment"},
}};

/// Which examples a rank trains on.
enum class PartitionName { hash, range };
inline constexpr std::array<Named<PartitionName>, 2> kPartitions{{
    {PartitionName::hash, "hash", "virtual shards by a hash of the example's index: a sorted file does no harm"},
    {PartitionName::range, "range", "virtual shards are consecutive parts of the file: nothing is sent between ranks"},
}};

/// Whose examples an epoch counts, in modes whose ranks do not wait for each other.
enum class BalanceName { processed, fixed };
inline constexpr std::array<Named<BalanceName>, 2> kBalances{{
    {BalanceName::processed, "processed", "an epoch is so many processed examples, whoever processed them"},
    {BalanceName::fixed, "fixed", "an epoch is one visit of each example by its own rank"},
}};

enum class TransportName { mpi, inproc, sim };
inline constexpr std::array<Named<TransportName>, 3> kTransports{{
    {TransportName::mpi, "mpi", "ranks are processes of an MPI job"},
    {TransportName::inproc, "inproc", "ranks are threads of this process"},
    {TransportName::sim, "sim", "ranks train for real in virtual time: --sim says what a round and a message take"},
}};

/// How a cell of the parameters is touched.
enum class AccessKind { relaxed, atomic, gather, recorded };
inline constexpr std::array<Named<AccessKind>, 4> kAccessKinds{{
    {AccessKind::relaxed, "relaxed", "relaxed load, relaxed store"},
    {AccessKind::atomic, "atomic", "relaxed load, atomic add"},
    {AccessKind::gather, "gather", "the gradient is added up in a buffer of the worker's own"},
    {AccessKind::recorded, "recorded", "relaxed load, relaxed store, one at a time and in a known order"},
}};

enum class ModelName { logistic, svm, squared, softmax, mlp, fm, cut, mf };
inline constexpr std::array<Named<ModelName>, 8> kModels{{
    {ModelName::logistic, "logistic", "logistic regression on sparse or dense examples, labels +1/-1 or 1/0"},
    {ModelName::svm, "svm", "linear support vector machine (hinge loss), labels +1/-1 or 1/0"},
    {ModelName::squared, "squared", "linear least squares, labels any numbers"},
    {ModelName::softmax, "softmax", "softmax (multinomial logistic) regression, labels up to 128 classes"},
    {ModelName::mlp, "mlp", "multilayer perceptron, one hidden layer (ReLU), labels up to 16 classes"},
    {ModelName::fm, "fm", "factorization machine (logistic loss), labels +1/-1 or 1/0"},
    {ModelName::cut, "cut", "graph cut: a label for each vertex, against terminals and edges"},
    {ModelName::mf, "mf", "matrix factorization with biases, on ratings (user, item, rating)"},
}};

enum class RuleName { sgd, adagrad, ftrl, momentum, adam };
inline constexpr std::array<Named<RuleName>, 5> kRules{{
    {RuleName::sgd, "sgd", "w -= step * gradient, the L2 part taken implicitly"},
    {RuleName::adagrad, "adagrad", "each weight's step shrinks with the root of its summed squared gradients"},
    {RuleName::ftrl, "ftrl", "adagrad's steps from the summed gradients; --l1 makes weights exactly 0"},
    {RuleName::momentum, "momentum", "heavy ball: each weight keeps 0.9 of its last velocity"},
    {RuleName::adam, "adam", "steps from the bias-corrected moments of each weight's gradients"},
}};

enum class ScheduleName { constant, exponential, inverse, backoff };
inline constexpr std::array<Named<ScheduleName>, 4> kSchedules{{
    {ScheduleName::constant, "constant", "the same step in every epoch"},
    {ScheduleName::exponential, "exponential", "step * decay^epoch"},
    {ScheduleName::inverse, "inverse", "step / (1 + decay * epoch)"},
    {ScheduleName::backoff, "backoff", "step * decay^i for phase / decay^i epochs, i = 0, 1, ... (Hogwild!, section 5)"},
}};

/// How old the parameters are that a simulated update was computed from; behind the name stands its argument.
enum class TauName { fixed, uniform, geometric, histogram };
inline constexpr std::array<Named<TauName>, 4> kTaus{{
    {TauName::fixed, "fixed", ":N, every update is N updates late"},
    {TauName::uniform, "uniform", ":LO..HI, each whole number from LO to HI is as likely"},
    {TauName::geometric, "geometric", ":MEAN, as of workers of equal speed in random order"},
    {TauName::histogram, "histogram", ":FILE, as measured: lines of \"tau count\", or a summary record"},
}};

enum class TeamName { openmp, tbb, threads };
inline constexpr std::array<Named<TeamName>, 3> kTeams{{
    {TeamName::openmp, "openmp", "workers are OpenMP threads"},
    {TeamName::tbb, "tbb", "workers are oneTBB tasks in an arena of their own"},
    {TeamName::threads, "threads", "workers are std::thread, kept for the whole run"},
}};

enum class PinName { automatic, core, numa, none };
inline constexpr std::array<Named<PinName>, 4> kPins{{
    {PinName::automatic, "auto", "one worker a core where there are enough cores, else not pinned"},
    {PinName::core, "core", "worker k on core k, modulo the cores this process may use"},
    {PinName::numa, "numa", "workers are spread over the NUMA nodes, each kept on its node"},
    {PinName::none, "none", "the operating system places the workers"},
}};

/// Mode averaged: what each worker trains on.
enum class DataPerWorker { shard, full };
inline constexpr std::array<Named<DataPerWorker>, 2> kDataPerWorkers{{
    {DataPerWorker::shard, "shard", "each worker visits a part of the examples: an epoch is one visit of each"},
    {DataPerWorker::full, "full", "every worker visits all examples, in an order of its own"},
}};

/// Mode replicated: whose workers share a replica.
enum class ReplicaName { core, node, machine };
inline constexpr std::array<Named<ReplicaName>, 3> kReplicas{{
    {ReplicaName::core, "core", "each worker has one"},
    {ReplicaName::node, "node", "the workers of a NUMA node share one"},
    {ReplicaName::machine, "machine", "all workers share one: hogwild"},
}};

enum class TransformName { none, log1p };
inline constexpr std::array<Named<TransformName>, 2> kTransforms{{
    {TransformName::none, "none", "values as they are"},
    {TransformName::log1p, "log1p", "log(1 + value), for counts"},
}};

enum class NormalizeName { none, l2 };
inline constexpr std::array<Named<NormalizeName>, 2> kNormalizes{{
    {NormalizeName::none, "none", "examples as they are"},
    {NormalizeName::l2, "l2", "every example scaled to length 1, after --transform"},
}};

enum class TelemetryName { off, on, full };
inline constexpr std::array<Named<TelemetryName>, 3> kTelemetries{{
    {TelemetryName::off, "off", "nothing is measured but the curve"},
    {TelemetryName::on, "on", "staleness, conflicts, lost updates, busy and wait times"},
    {TelemetryName::full, "full", "on, and the table names the hottest cache lines"},
}};

/// Why a run ended.
enum class Stopped { epochs, target, diverged, interrupted };
inline constexpr std::array<Named<Stopped>, 4> kStoppeds{{
    {Stopped::epochs, "epochs", "all epochs ran"},
    {Stopped::target, "target", "the training loss reached --target-loss"},
    {Stopped::diverged, "diverged", "the loss exploded or is not a number"},
    {Stopped::interrupted, "interrupted", "stopped from outside"},
}};

template <class Table>
constexpr auto name_of(const Table& table, decltype(table[0].value) value) -> std::string_view {
  for (const auto& entry : table)
    if (entry.value == value) return entry.name;
  return "?";
}

template <class Table>
constexpr auto from_name(const Table& table, std::string_view name) -> std::optional<std::remove_cvref_t<decltype(table[0].value)>> {
  for (const auto& entry : table)
    if (entry.name == name) return entry.value;
  return std::nullopt;
}

/// "serial, hogwild, ..." for messages.
template <class Table>
std::string names_of(const Table& table) {
  std::string names;
  for (const auto& entry : table) names.append(names.empty() ? "" : ", ").append(entry.name);
  return names;
}

}  // namespace sounder
