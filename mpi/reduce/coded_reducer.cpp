#include "reduce/coded_reducer.hpp"

#include <utility>
#include <vector>

#include "collectives.hpp"

namespace sounder::mpi {

CodedReducer::CodedReducer(Endpoint& endpoint, const RowNumbers& numbers, std::unique_ptr<Codec> codec, bool feedback)
    : endpoint_(endpoint), numbers_(numbers), codec_(std::move(codec)), feedback_(feedback), left_out_(numbers) {}

RowSums CodedReducer::sum(RowSums mine) {
  const std::size_t fresh = mine.sums.size();
  if (feedback_) mine = left_out_.with(std::move(mine), codec_->chooses());
  std::vector<std::byte> code = codec_->encode(mine.view(), fresh);
  code_bytes_ += code.size();
  told_ = codec_->decode(code);
  if (feedback_) left_out_.keep(mine.view(), told_.view());
  const std::vector<Payload> codes = all_gather(endpoint_, Payload::of(std::move(code)));
  RowSums sum;
  for (int rank = 0; rank < endpoint_.size(); ++rank) {
    const RowSums theirs = rank == endpoint_.rank() ? RowSums{} : codec_->decode(codes[static_cast<std::size_t>(rank)].bytes());
    const RowView part = rank == endpoint_.rank() ? told_.view() : theirs.view();
    if (part.count > 0) sum = add(sum.view(), part, numbers_);
  }
  return sum;
}

}  // namespace sounder::mpi
