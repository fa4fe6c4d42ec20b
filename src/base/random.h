// Random: reproducible random numbers for simulations and tests.
//
// The same seed gives the same numbers on every platform and library, which the distributions of
// <random> do not promise. Not for secrets. The generator is SplitMix64 (Steele, Lea, Flood: "Fast
// Splittable Pseudorandom Number Generators", 2014).
//
// Threading: a plain value; one user at a time.
#pragma once

#include <cstdint>

#include "base/assert.h"

namespace penstock {

// SplitMix64's finaliser: every bit of the result depends on every bit of `value`.
constexpr std::uint64_t mix64(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() { return mix64(state_ += kGoldenGamma); }

  // One of 0 .. bound - 1. The bias of the remainder is below 2^-32 for every bound a test uses.
  constexpr std::uint64_t below(std::uint64_t bound) {
    PENSTOCK_ASSERT(bound > 0, "a random number below zero");
    return next() % bound;
  }

  // One of first .. last, both included.
  constexpr std::uint64_t between(std::uint64_t first, std::uint64_t last) {
    PENSTOCK_ASSERT(first <= last, "an empty range of random numbers");
    const std::uint64_t count = last - first + 1;
    return count == 0 ? next() : first + below(count);
  }

  // True once in `n` times.
  constexpr bool one_in(std::uint64_t n) { return below(n) == 0; }
  constexpr bool coin() { return (next() >> 63) != 0; }

  // A generator of its own, so that what it is used for does not shift the numbers of this one.
  constexpr Random split() { return Random(next()); }

 private:
  static constexpr std::uint64_t kGoldenGamma = 0x9e3779b97f4a7c15U;

  std::uint64_t state_;
};

}  // namespace penstock
