#include "codec/codec.hpp"

namespace sounder::mpi {

std::unique_ptr<Codec> make_codec(CodecName name, double topk_share, const RowNumbers& numbers) {
  switch (name) {
    case CodecName::none: return nullptr;
    case CodecName::topk: return make_topk(numbers, topk_share);
    case CodecName::int8: return make_int8(numbers);
    case CodecName::onebit: return make_onebit(numbers);
  }
  return nullptr;
}

}  // namespace sounder::mpi
