// Kernels that only move bytes, or make data: what the kernels of models are held against. All run on the default stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace sounder::cuda::raw {

/// Milliseconds that `work`, which starts kernels or copies on the default stream, keeps the GPU busy: median of `repeats` after one more.
/// Throws Error if it failed.
double milliseconds(const std::function<void()>& work, int repeats = 5);
/// Waits for all; throws Error if something failed.
void finish();

void copy(void* to, const void* from, std::size_t bytes);

/// Sums 16-byte words, read as cells that CPU threads write. `blocks`: of 256 threads.
void read(const float* from, std::size_t floats, float* sum, int blocks);
void write(float* to, std::size_t floats, float value, int blocks);

/// The memory accesses of matrix factorization of `width` factors (32 or 128), without its arithmetic.
void touch_rows(int width, bool system_scope, float* users, float* items, const std::uint32_t* ids, const float* labels, std::size_t count, int blocks);
/// Reads ids and values, reads a cell each and adds to it.
void gather_add(float* cells, const std::uint32_t* ids, const float* values, std::size_t count, int blocks);
/// `times` adds by each thread to cells (a power of two of them) all over.
void scattered_adds(float* cells, std::uint32_t mask, int times, int blocks);

/// Adds 1 `times` to all even words: by add at the scope of the GPU, or (`adds` false) by load and store.
void add_to_even_words(float* words, std::size_t count, int times, bool adds);
/// Every thread of `blocks` adds 1 `times` to each of 64 words, by adds or by load and store.
void add_to_same_words(float* words, int times, bool adds, int blocks);

// --- data, drawn on the GPU -----------------------------------------------------------------------------------

/// value = low ... high
void fill(float* to, std::size_t count, float low, float high, std::uint32_t seed);
/// Pairs of a user and an item; items with a long tail, the first in 1 of 700.
void ratings(std::uint32_t* ids, std::size_t count, std::uint32_t users, std::uint32_t items);
/// Ids of features, all as likely or (`zipf`) number k as 1 / k.
void features(std::uint32_t* ids, std::size_t count, std::uint32_t features, bool zipf);
void signs(float* to, std::size_t count);
void multiples(std::uint64_t* to, std::size_t count, std::uint64_t of);
/// The number of values that are not finite.
std::uint64_t not_finite(const float* from, std::size_t count);

}  // namespace sounder::cuda::raw
