// Training on the cores of this machine: bench_shm --help.
#include "session.hpp"

int main(int argc, char** argv) { return sounder::bench::main_of(argc, argv); }
