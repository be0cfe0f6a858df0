#include <sounder/params/table.hpp>

#include <utility>

namespace sounder {

Layout::Layout(std::vector<TableShape> tables, int states) : tables_(std::move(tables)), states_(states) {
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    offsets_.push_back(floats_);
    const std::size_t used = tables_[i].rows * stride(i);
    floats_ += (used + kPageFloats - 1) / kPageFloats * kPageFloats;
  }
}

}  // namespace sounder
