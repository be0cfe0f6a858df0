#include <sounder/params/row_locks.hpp>

namespace sounder {

RowLocks::RowLocks(const Layout& layout) {
  std::uint32_t locks = 0;
  for (std::size_t i = 0; i < layout.tables(); ++i) {
    const std::size_t rows = layout.shape(i).rows;
    while ((rows >> shift_[i]) > kMostLocks) ++shift_[i];
    first_[i] = locks;
    locks += static_cast<std::uint32_t>((rows >> shift_[i]) + 1);
  }
  locks_ = std::vector<std::atomic<std::uint32_t>>(locks);
}

}  // namespace sounder
