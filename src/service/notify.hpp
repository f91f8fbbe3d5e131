#pragma once
// Brings notices to their channels. A channel that fails is tried again a bounded number of times, and never keeps the
// others from being told.

#include <functional>
#include <vector>

#include "platform/env.hpp"
#include "service/notice.hpp"

namespace hf {

/// Waits between two attempts; a test need not.
using Pause = std::function<void(std::int64_t ns)>;
Pause real_pause();

/// One notice to one channel, whatever events it wants. Fails when the last attempt did, or at once where another cannot
/// help. No secret stands in the error.
Status deliver(Env& env, const NotifyChannel& channel, const Notice& notice, const Pause& pause);

struct Undelivered {
  std::string channel;
  Error error;
};
/// To every channel that wants its event. Gives those that it did not reach.
std::vector<Undelivered> notify(Env& env, const std::vector<NotifyChannel>& channels, const Notice& notice, const Pause& pause);

/// The secret: the first line of the file, or that the command prints.
Result<std::string> read_secret(Env& env, const SecretRef& secret);

}  // namespace hf
