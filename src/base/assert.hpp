#pragma once
// HF_ASSERT stays on in release builds. Only for what our own code guarantees: bytes from disk, network or a person
// never reach an assertion, they become Code::corrupt or Code::usage.

#include <cstdio>
#include <cstdlib>

#define HF_ASSERT(condition)                                                                       \
  do {                                                                                             \
    if (!(condition)) [[unlikely]] {                                                               \
      std::fprintf(stderr, "holdfast: bug: %s is false at %s:%d\n", #condition, __FILE__, __LINE__); \
      std::abort();                                                                                \
    }                                                                                              \
  } while (false)
