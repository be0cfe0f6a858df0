// Shows that ThreadSanitizer watches: two threads add to one cell, as the workers of hogwild do.
//   planted_race            the cell is a plain float: ThreadSanitizer must report a data race
//   planted_race relaxed    the cell is touched as everywhere in Sounder: nothing to report, exit status 0
// Built in the tsan preset only, where shared_cell.hpp is in its relaxed form.
#include <cstdio>
#include <string_view>
#include <thread>

#include <sounder/params/shared_cell.hpp>

int main(int argc, char** argv) {
  using namespace sounder;
  const bool relaxed = argc > 1 && std::string_view(argv[1]) == "relaxed";
  alignas(64) static float cell = 0;
  const auto add = [&] {
    for (int i = 0; i < 1000; ++i)
      if (relaxed)
        shared_cell::put<float>(&cell, shared_cell::get<float>(&cell) + 1);
      else
        cell = cell + 1;
  };
  std::thread one(add), two(add);
  one.join();
  two.join();
  std::printf("%g of 2000 updates are left\n", static_cast<double>(cell));
}
