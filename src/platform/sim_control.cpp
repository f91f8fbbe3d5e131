// What a test does to the simulated machine, and sees of it past all calls.

#include <algorithm>

#include "base/assert.hpp"
#include "platform/sim_env.hpp"
#include "platform/sim_machine.hpp"

namespace hf {
using sim::Inode;
using sim::Machine;
using sim::Place;

// --- knobs ---

void SimEnv::crash(Survive how) {
  Lock lock(mutex_);
  machine_->crash(how);
  ++machine_->boots;
}
void SimEnv::crash_at(std::uint64_t n, Only only) {
  Lock lock(mutex_);
  machine_->faults.crash_at(n, std::move(only));
}
bool SimEnv::is_down() {
  Lock lock(mutex_);
  return machine_->down;
}
void SimEnv::fail_nth(std::uint64_t n, int os_error, Failure how, Only only) {
  Lock lock(mutex_);
  machine_->faults.fail_nth(n, os_error, how, std::move(only));
}
void SimEnv::clear_faults() {
  Lock lock(mutex_);
  machine_->faults.clear();
}
std::uint64_t SimEnv::faults_struck() {
  Lock lock(mutex_);
  return machine_->faults.struck();
}
void SimEnv::short_io(double probability) {
  Lock lock(mutex_);
  machine_->short_probability = probability;
}
void SimEnv::interrupts(double probability) {
  Lock lock(mutex_);
  machine_->interrupt_probability = probability;
}
void SimEnv::capacity(std::uint64_t bytes) {
  Lock lock(mutex_);
  machine_->disk().set_capacity(bytes);
}
void SimEnv::open_files_max(std::size_t count) {
  Lock lock(mutex_);
  machine_->handles_max = count;
}
void SimEnv::features(const Features& features) {
  Lock lock(mutex_);
  machine_->features = features;
}
std::uint64_t SimEnv::calls() {
  Lock lock(mutex_);
  return machine_->calls;
}
std::uint64_t SimEnv::bytes_used() {
  Lock lock(mutex_);
  return machine_->disk().bytes_used();
}
std::size_t SimEnv::open_handles() {
  Lock lock(mutex_);
  return machine_->handle_count();
}
std::vector<std::string> SimEnv::recent_calls() {
  Lock lock(mutex_);
  return machine_->recent();
}
void SimEnv::clock_step(std::int64_t ns) {
  Lock lock(mutex_);
  machine_->step = ns;
}
void SimEnv::timestamp_granularity(std::int64_t ns) {
  Lock lock(mutex_);
  machine_->set_granularity(ns);
}
void SimEnv::jump_wall(std::int64_t ns) {
  Lock lock(mutex_);
  machine_->move_clocks(ns, 0);
}
void SimEnv::advance(std::int64_t ns) {
  Lock lock(mutex_);
  machine_->move_clocks(ns, ns);
}
void SimEnv::act_as(std::uint32_t uid, std::uint32_t gid) {
  Lock lock(mutex_);
  machine_->uid = uid;
  machine_->gid = gid;
}
void SimEnv::set_variable(const std::string& name, const std::string& value) {
  Lock lock(mutex_);
  machine_->variables[name] = value;
}
void SimEnv::set_host_name(const std::string& name) {
  Lock lock(mutex_);
  machine_->host = name;
}
void SimEnv::set_cpu_count(unsigned count) {
  Lock lock(mutex_);
  machine_->cpus = count;
}
void SimEnv::on_command(std::function<Result<CommandResult>(const std::string&)> run) {
  on_command([run = std::move(run)](const std::string& command, const CommandOptions&) { return run(command); });
}
void SimEnv::on_command(std::function<Result<CommandResult>(const std::string&, const CommandOptions&)> run) {
  Lock lock(mutex_);
  machine_->command = std::move(run);
}

// --- a test's own view ---

void SimEnv::put_file(const std::string& path, std::string_view content, unsigned mode) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  m.tick();
  Inode* const file = m.ensure(path, FileType::regular, mode);
  m.disk().truncate(file, 0);
  HF_ASSERT(m.disk().write(file, as_bytes(content), 0) == content.size());  // a test's file must fit into capacity()
  m.change_content(file);
  m.disk().sync(file);
}
void SimEnv::make_dir(const std::string& path, unsigned mode) {
  Lock lock(mutex_);
  machine_->tick();
  machine_->ensure(path, FileType::directory, mode);
}
void SimEnv::mount(const std::string& path) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  m.ensure(path, FileType::directory, 0755)->dev = m.new_device();
}
std::optional<std::string> SimEnv::get_file(const std::string& path) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  const Place at = m.walk_freely(path);
  if (at.node == nullptr || at.node->type != FileType::regular) return std::nullopt;
  std::string content(at.node->content.size, '\0');
  m.disk().read(at.node, {reinterpret_cast<std::uint8_t*>(content.data()), content.size()}, 0);
  return content;
}
std::vector<std::string> SimEnv::paths_below(const std::string& path) {
  Lock lock(mutex_);
  std::vector<std::string> paths;
  const auto visit = [&](auto&& self, const Inode* dir, const std::string& prefix) -> void {
    for (const auto& [name, node] : dir->entries) {
      const std::string child = prefix + "/" + name;
      paths.push_back(child);
      self(self, node, child);
    }
  };
  const Place at = machine_->walk_freely(path);
  if (at.node != nullptr) visit(visit, at.node, path == "/" ? "" : path);
  std::sort(paths.begin(), paths.end());
  return paths;
}
void SimEnv::sync_all() {
  Lock lock(mutex_);
  machine_->disk().sync_all();
}

}  // namespace hf
