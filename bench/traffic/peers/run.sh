#!/bin/sh
# Sounder beside its peers, in the same processes and by turns, over TCP on the loopback interface: run.sh [FOLDER OF PROGRAMS [REPETITIONS]].
# Which peers there are was found out when the programs were built; what is missing is said, and counted.
set -eu
unset CDPATH
programs=${1:-$(cd -- "$(dirname -- "$0")" && pwd)/../../../build/release/bin} repeat=${2:-9}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
skipped=0

beside() {  # PROGRAM "RANKS..." "WHAT IS MISSING" FLAGS...
  program=$1 ranks=$2 missing=$3
  shift 3
  if [ ! -x "$programs/$program" ]; then
    echo "skipped: $program was not built, since $missing"
    skipped=$((skipped + 1))
    return
  fi
  for n in $ranks; do for memory in off on; do
    echo "$program, $n ranks, Sounder's payloads inside of a machine: $([ $memory = off ] && echo over sockets, as the peers do || echo in shared memory)"
    SOUNDER_SHARED_MEMORY=$memory mpirun -n "$n" --oversubscribe --bind-to none --mca btl self,tcp "$programs/$program" --repeat "$repeat" "$@"
  done; done
}

echo "load before: $(cut -d ' ' -f 1-3 /proc/loadavg); cores: $(nproc)"
beside bench_gloo '2 4' 'Gloo is missing (Debian: libgloo-dev)' --kib 4096,16384
beside bench_pslite 3 'there is no ps-lite: build a checkout of it, and give cmake -D SOUNDER_PS_LITE=FOLDER'
echo "load after: $(cut -d ' ' -f 1-3 /proc/loadavg); skipped: $skipped"
