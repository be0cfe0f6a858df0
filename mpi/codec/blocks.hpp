// What int8 and onebit share: all rows that were touched travel, and their floats are written down block by block.
#pragma once

#include <algorithm>
#include <cstring>

#include <sounder/error.hpp>

#include "codec/codec.hpp"

namespace sounder::mpi {

/// `Block`: static std::size_t bytes(floats); write(floats, to); read(from, floats), all of one block.
template <class Block>
class BlockCodec final : public Codec {
 public:
  explicit BlockCodec(const RowNumbers& numbers) : numbers_(numbers) {}

  /// The rows without floats, then the blocks of b * x, then those of a.
  std::vector<std::byte> encode(const RowView& rows, std::size_t) const override {
    const Head head{rows.count, rows.first, !rows.numbers.empty(), !rows.decays.empty()};
    std::vector<std::byte> bytes(sizeof head + rows.numbers.size_bytes() + coded_size(rows.sums.size()) + coded_size(rows.decays.size()));
    std::memcpy(bytes.data(), &head, sizeof head);
    std::span<std::byte> to = std::span(bytes).subspan(sizeof head);
    if (!rows.numbers.empty()) std::memcpy(to.data(), rows.numbers.data(), rows.numbers.size_bytes());
    to = to.subspan(rows.numbers.size_bytes());
    write(rows.sums, to);
    write(rows.decays, to.subspan(coded_size(rows.sums.size())));
    return bytes;
  }

  RowSums decode(std::span<const std::byte> bytes) const override {
    Head head{};
    if (bytes.size() < sizeof head) throw wrong();
    std::memcpy(&head, bytes.data(), sizeof head);
    bytes = bytes.subspan(sizeof head);
    if (head.count > numbers_.rows() || head.first > numbers_.rows() - head.count) throw wrong();
    RowSums rows{.count = head.count, .first = head.first, .numbers = {}, .sums = {}, .decays = {}};
    if (head.numbered != 0) {
      rows.numbers.resize(head.count);
      if (bytes.size() < head.count * sizeof(std::uint32_t)) throw wrong();
      std::memcpy(rows.numbers.data(), bytes.data(), head.count * sizeof(std::uint32_t));
      bytes = bytes.subspan(head.count * sizeof(std::uint32_t));
      if (head.count > 0 && rows.numbers.back() >= numbers_.rows()) throw wrong();
    }
    const std::size_t floats = floats_in(rows.view(), numbers_), decays = head.decays != 0 ? head.count : 0;
    if (bytes.size() != coded_size(floats) + coded_size(decays)) throw wrong();
    rows.sums = read(bytes, floats);
    rows.decays = read(bytes.subspan(coded_size(floats)), decays);
    // A decay is never below 0, and a step divides by 1 plus it.
    for (float& decay : rows.decays) decay = std::max(0.f, decay);
    return rows;
  }

 private:
  struct Head {
    std::uint32_t count, first, numbered, decays;
  };
  static Error wrong() { return Error("a coded gradient arrived that is cut short or not of this model: run the same program on all ranks"); }
  static std::size_t coded_size(std::size_t floats) {
    const std::size_t rest = floats % kCodecBlock;
    return floats / kCodecBlock * Block::bytes(kCodecBlock) + (rest > 0 ? Block::bytes(rest) : 0);
  }
  static void write(std::span<const float> floats, std::span<std::byte> to) {
    for (std::size_t i = 0; i < floats.size(); i += kCodecBlock) {
      const std::span<const float> block = floats.subspan(i, std::min(kCodecBlock, floats.size() - i));
      Block::write(block, to.data());
      to = to.subspan(Block::bytes(block.size()));
    }
  }
  static KeptVector<float> read(std::span<const std::byte> from, std::size_t count) {
    KeptVector<float> floats(count);
    for (std::size_t i = 0; i < count; i += kCodecBlock) {
      const std::span<float> block = std::span(floats).subspan(i, std::min(kCodecBlock, count - i));
      Block::read(from.data(), block);
      from = from.subspan(Block::bytes(block.size()));
    }
    return floats;
  }

  const RowNumbers& numbers_;
};

}  // namespace sounder::mpi
