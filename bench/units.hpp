// Numbers as a person reads them.
#pragma once

#include <cstddef>
#include <string>

namespace sounder::bench {

std::string human(double count);             ///< "12.3 M", "4.6 k", "789"; "-": not a number
std::string bytes_text(std::size_t bytes);   ///< "12.5 MiB"
std::string duration(double seconds);        ///< "12.5 ms"
std::string fixed(double value);             ///< five digits behind the point; "-": not a number
std::string percent(double share);           ///< "4.1 %"

}  // namespace sounder::bench
