#include "target/fs/run_marker.hpp"

#include <fcntl.h>

#include "target/fs/system_calls.hpp"

namespace hf {

using target::uninterrupted;

namespace {
/// Differs after each start of the machine; empty where it is not known.
std::string boot_id(Env& env) {
  const auto id = env.read_file("/proc/sys/kernel/random/boot_id", 256);
  return id ? std::string(as_text(*id)) : "";
}
}  // namespace

Result<RunMarker> RunMarker::begin(DirectoryTree& tree, const std::string& what, bool fresh) {
  Env& env = tree.env();
  RunMarker marker(tree);
  const auto doing = [] { return "marking the target as being restored into"; };
  const Handle root = HF_TRY(tree.handle(tree.root()));
  const std::string name(kName), boot = boot_id(env);
  marker.fresh_ = fresh;
  const auto before = env.open(root->get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (before) {
    Buffer content(1024);
    const auto n = env.read_at(before->get(), content, 0);
    const std::string_view then = as_text(ByteView(content).first(n ? *n : 0));
    marker.fresh_ = fresh || (then.starts_with("fresh ") && then.find(" " + what + "\n") != std::string_view::npos);
    const Stat stat = HF_TRY(env.stat(before->get(), ""));
    marker.lost_run_began_ = stat.mtime;
    marker.lost_run_ended_ = env.wall_ns();
    marker.power_was_lost_ = boot.empty() || then.find("\n" + boot) == std::string_view::npos;
    if (marker.power_was_lost_) {
      marker.lost_run_ended_ -= env.monotonic_ns();  // when the machine was started
      return marker;  // it stays: this run may end like that one
    }
  }
  const std::string text = std::string(marker.fresh_ ? "fresh " : "into files ") + what + "\n" + boot;
  uninterrupted([&] { return env.sys_unlinkat(root->get(), name.c_str(), false); });
  const Fd file = HF_TRY(env.open(root->get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW).context(doing));
  HF_TRY(env.write_at(file.get(), as_bytes(text), 0).context(doing));
  // Of several runs that ended badly, one after another, the first one counts: the later ones need not have come by what it left.
  if (marker.lost_run_began_ != 0) uninterrupted([&] { return env.sys_utimeat(root->get(), name.c_str(), marker.lost_run_began_); });
  HF_TRY(env.sync(file.get()).context(doing));
  uninterrupted([&] { return env.sys_utimeat(root->get(), "", tree.root_stat().mtime); });  // nothing else happened yet
  HF_TRY(env.sync(root->get()).context(doing));
  return marker;
}

void RunMarker::end() {
  Env& env = tree_->env();
  const auto root = tree_->handle(tree_->root());
  if (!root) return;
  const auto stat = env.stat((*root)->get(), "");
  uninterrupted([&] { return env.sys_unlinkat((*root)->get(), std::string(kName).c_str(), false); });
  if (stat) uninterrupted([&] { return env.sys_utimeat((*root)->get(), "", stat->mtime); });
}

}  // namespace hf
