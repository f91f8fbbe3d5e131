#include "schedule.hpp"

#include <thread>

namespace hf::simulation {
namespace {
thread_local std::size_t this_lane = 0;
}  // namespace

Schedule::Schedule(SimEnv& machine, std::uint64_t seed, std::size_t lanes, std::size_t calls_between)
    : machine_(machine), random_(seed ^ 0x5C4ED), calls_between_(calls_between), running_(lanes, true) {}

void Schedule::run(const std::function<void(std::size_t)>& lane) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < running_.size(); ++i)
    threads.emplace_back([this, i, &lane] {
      this_lane = i;
      {
        std::unique_lock lock(mutex_);
        turned_.wait(lock, [&] { return turn_ == i; });
      }
      lane(i);
      std::unique_lock lock(mutex_);
      pass_on(lock, true);
    });
  for (std::thread& t : threads) t.join();
}

void Schedule::pass_on(std::unique_lock<std::mutex>& lock, bool ended) {
  const std::size_t me = this_lane;
  if (ended) running_[me] = false;
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < running_.size(); ++i)
    if (running_[i] && i != me) others.push_back(i);
  if (others.empty()) return;
  turn_ = others[below(random_, others.size())];
  turned_.notify_all();
  if (!ended) turned_.wait(lock, [&] { return turn_ == me; });
}

void Schedule::maybe_pass() {
  if (below(random_, calls_between_) != 0) return;
  std::unique_lock lock(mutex_);
  pass_on(lock, false);
}

Schedule::Program::Program(Schedule& schedule, std::uint64_t killed_at_call)
    : ForwardEnv(schedule.machine_), schedule_(schedule), identity_("program " + std::to_string(++schedule.programs_)), calls_left_(killed_at_call) {}

Schedule::Program::~Program() { schedule_.ended_.insert(identity_); }

bool Schedule::Program::turn() {
  if (killed_) return false;
  schedule_.maybe_pass();
  if (calls_left_ > 0 && --calls_left_ == 0) killed_ = true;
  return !killed_;
}

}  // namespace hf::simulation
