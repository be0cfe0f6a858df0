#include "version.hpp"

#include <fmt/format.h>

#include <sounder/modes.hpp>
#include <sounder/params/lanes.hpp>

#define SOUNDER_QUOTE_(x) #x
#define SOUNDER_QUOTE(x) SOUNDER_QUOTE_(x)

namespace sounder::bench {

std::string compiler_text() {
#if defined(__clang__)
  return fmt::format("clang {}.{}.{}, {}", __clang_major__, __clang_minor__, __clang_patchlevel__, SOUNDER_QUOTE(SOUNDER_ISA));
#else
  return fmt::format("g++ {}.{}.{}, {}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__, SOUNDER_QUOTE(SOUNDER_ISA));
#endif
}

std::string version_text(const std::string& mpi, const std::string& cuda) {
  return fmt::format("sounder {}\ncompiler  {}\ncells     {}\nmodes     {}\nmodels    {}\nteams     {}\nmpi       {}\ncuda      {}\n",
                     SOUNDER_VERSION, compiler_text(),
                     SOUNDER_ATOMIC_CELLS ? "relaxed atomics (for sanitizers)" : "volatile", names_of(kModes),
                     names_of(kModels), names_of(kTeams), mpi.empty() ? "not compiled in" : mpi, cuda.empty() ? "not compiled in" : cuda);
}

}  // namespace sounder::bench
