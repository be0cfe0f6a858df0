#include "predictions.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::bench {

void write_predictions(const std::string& path, const Kernel& kernel, const std::vector<double>& predictions, const Dataset& data) {
  std::vector<double> in_input_order(predictions.size());
  for (std::size_t i = 0; i < predictions.size(); ++i) in_input_order[data.input_position(i)] = predictions[i];
  std::string text;
  for (const double prediction : in_input_order) text += fmt::format("{:.7g}\n", kernel.answer(prediction));

  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"), [](std::FILE* f) { return f ? std::fclose(f) : 0; });
  if (!file || std::fwrite(text.data(), 1, text.size(), file.get()) != text.size() || std::fflush(file.get()) != 0)
    throw Error(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

}  // namespace sounder::bench
