#!/bin/sh
# Checks of the CUDA kernels on the GPU that is here, in less than five minutes: bench/gpu/check.sh [--device auto|emu]
# Needs nvcc, g++ and the headers of {fmt} (FMT_INCLUDE names their folder if it is not a common one), nothing else of the project's.
# Logs and gpu.jsonl go to out/gpu. --device emu: goes through all steps without a GPU, which each must refuse in a sentence.
# Exit status: 0 all is well, 1 something is not, 2 it cannot be built, 77 no GPU or no nvcc.
set -u
cd "$(dirname "$0")/../.." || exit 2
device=auto
case "$*" in
  '') ;;
  '--device auto') ;;
  '--device emu') device=emu ;;
  *) echo 'check.sh: takes nothing, or: --device auto|emu' >&2; exit 2 ;;
esac
out=out/gpu
objects=$out/objects
mkdir -p "$objects"
rm -f "$out"/*.log "$out/gpu.jsonl"
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
[ -x "$nvcc" ] || { echo 'check.sh: nvcc is not here: install the CUDA toolkit' >&2; exit 77; }
if [ $device = auto ] && ! nvidia-smi -L >"$out/gpu.log" 2>&1; then
  echo 'check.sh: nvidia-smi shows no GPU here; --device emu goes through the steps without one' >&2
  exit 77
fi
cuda=$(dirname "$(dirname "$nvcc")")
fmt=${FMT_INCLUDE:-/usr/include}
[ -e "$fmt/fmt/format.h" ] || { echo "check.sh: no fmt/format.h in $fmt: let FMT_INCLUDE name the folder that holds fmt/" >&2; exit 2; }

# --- build -----------------------------------------------------------------------------------------------------------

arch=native
[ $device = auto ] || arch=sm_90
includes="-Icuda -Icuda/include -Isrc/include -Ibench -I$cuda/include -I$fmt"
compile() {  # SOURCE
  object=$objects/$(echo "$1" | tr / _).o
  case $1 in
    *.cu) "$nvcc" -std=c++20 --expt-relaxed-constexpr --extended-lambda -arch=$arch -O3 -Xptxas -v \
            -Xcompiler=-Wno-unknown-pragmas,-Wno-psabi $includes -c "$1" -o "$object" ;;
    *) g++ -std=c++20 -O3 -Wno-psabi -DFMT_HEADER_ONLY $includes -c "$1" -o "$object" ;;
  esac >"$object.log" 2>&1 || { cat "$object.log" >&2; return 1; }
}
begin=$(date +%s)
sources="cuda/kernels/*.cu bench/gpu/*.cu cuda/device/cuda/*.cpp cuda/device/emulated.cpp cuda/placement.cpp cuda/servers.cpp bench/gpu/*.cpp bench/gpu/servers/*.cpp"
cores=$(nproc) running=
for source in $sources; do
  compile "$source" &
  running="$running $!"
  # shellcheck disable=SC2086  # words on purpose
  set -- $running
  [ $# -lt "$cores" ] || { wait "$1" || exit 2; shift; running=$*; }
done
for process in $running; do wait "$process" || exit 2; done
link() {  # PROGRAM OBJECT...
  program=$1
  shift
  g++ "$@" -L"$cuda/lib64" -L"$cuda/lib" -lcudart_static -lpthread -ldl -lrt -o "$out/$program" || exit 2
}
# shellcheck disable=SC2046  # words on purpose
link gpu_roofs $(ls "$objects"/*.o | grep -v bench_gpu_servers_)
link gpu_servers "$objects"/cuda_*.o "$objects"/bench_gpu_servers_*.o
grep -h -A1 'Function properties\|spill' "$objects"/*.cu.o.log >"$out/ptxas.log"
echo "built for $arch in $(($(date +%s) - begin)) s; spilling kernels: $(grep 'spill' "$out/ptxas.log" | grep -vc ' 0 bytes spill stores, 0 bytes spill loads')"

# --- run -------------------------------------------------------------------------------------------------------------

failed=0 summary=
step() {  # NAME SECONDS COMMAND...
  name=$1 limit=$2
  shift 2
  began=$(date +%s)
  timeout -k 5 "$limit" "$@" >"$out/$name.log" 2>&1
  status=$?
  verdict=ok
  case $device.$status in
    auto.0) ;;
    emu.77) verdict='ok: no GPU, and says so' ;;
    *.124 | *.137) verdict="TIMED OUT after $limit s" failed=1 ;;
    *.1) verdict='a bar is MISSED' failed=1 ;;
    *) verdict="FAILED, status $status" failed=1 ;;
  esac
  summary="$summary$(printf '%-14s %4d s  %s' "$name" $(($(date +%s) - began)) "$verdict")
"
  [ "$verdict" = ok ] || tail -n 3 "$out/$name.log" >&2
}
roofs() {  # NAME SECONDS
  step "$1" "$2" "$out/gpu_roofs" --json "$out/gpu.jsonl" "$1"
}
roofs conservation 20
roofs copy 20
roofs mf 60
roofs logistic 60
roofs mlp 40
# Where gradients of several GPUs come together; where there is one, several play on it, and sums are held to be right alone.
gpus=$(grep -c '^GPU ' "$out/gpu.log" 2>/dev/null)
if [ "${gpus:-0}" -gt 1 ]; then
  step servers 60 "$out/gpu_servers" --device cuda --gpus $((gpus < 8 ? gpus : 8))
else
  summary="${summary}servers        skipped: it takes two GPUs; 4 play on one in the next step
"
fi
step shared 60 "$out/gpu_servers" --device cuda --gpus 4 --share --megabytes 40
sanitizer=$(command -v compute-sanitizer || echo "$cuda/bin/compute-sanitizer")
if [ -x "$sanitizer" ]; then
  for tool in memcheck initcheck synccheck; do
    step $tool 60 "$sanitizer" --tool $tool --error-exitcode 3 "$out/gpu_roofs" --scale 0.0005 conservation mf logistic $([ $tool = initcheck ] || echo mlp)
  done
else
  summary="${summary}memcheck       skipped: compute-sanitizer is not here
"
fi
# Managed memory last, each step a process of its own: what goes wrong there can take the GPU with it.
roofs bus 60
roofs exactness 40

for log in conservation copy mf logistic mlp servers shared bus exactness; do [ $device = emu ] || [ ! -e "$out/$log.log" ] || grep -v '^[^ ]*: [0-9.e+]* ' "$out/$log.log"; done
printf '\n%s' "$summary"
exit $failed
