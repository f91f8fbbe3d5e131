#pragma once
// For worker threads: what a library throws is an error like others.

#include <exception>
#include <new>
#include <string>

#include "base/result.hpp"

namespace hf {

template <class Work>
Status without_throwing(Work&& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Error(Code::internal, "out of memory", "fewer workers need less: --jobs 1");
  } catch (const std::exception& problem) {
    return Error(Code::internal, std::string("a library failed unexpectedly: ") + problem.what());
  }
}

}  // namespace hf
