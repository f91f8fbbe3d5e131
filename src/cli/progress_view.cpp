#include "cli/progress_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/units.hpp"
#include "cli/text.hpp"

namespace hf::cli {
namespace {
constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr std::int64_t kSpeakNs = 10'000'000'000;
// A rate of the last few seconds: long enough not to flicker, short enough to show a slow disk.
constexpr double kRateSeconds = 3;
constexpr std::size_t kBarCells = 20, kColumnsForBar = 72;
}  // namespace

std::string bar(double part, std::size_t cells, bool utf8) {
  const double clamped = std::isfinite(part) ? std::clamp(part, 0.0, 1.0) : 0.0;
  const auto full = static_cast<std::size_t>(clamped * static_cast<double>(cells));
  std::string out;
  for (std::size_t i = 0; i < cells; ++i) out += i < full ? (utf8 ? "━" : "=") : (utf8 ? "─" : "-");
  return out;
}

std::string progress_line(const ProgressPicture& p, std::size_t columns, bool utf8) {
  std::string out = printable(p.label) + (p.stopping ? "  stopping" : "");
  if (p.items > 0 || p.items_total > 0)
    out += p.items_total > 0 ? fmt::format("  {}/{} files", human_count(p.items), human_count(p.items_total))
                             : fmt::format("  {} files", human_count(p.items));
  if (p.bytes > 0 || p.bytes_total > 0) out += "  " + human_bytes(p.bytes);
  if (p.bytes_total > 0) {
    const double part = static_cast<double>(p.bytes) / static_cast<double>(p.bytes_total);
    if (columns >= kColumnsForBar) out += "  " + bar(part, kBarCells, utf8);
    else out += fmt::format("  {:.0f} %", std::floor(std::min(part, 1.0) * 100));
  }
  if (p.bytes_per_second >= 1) out += "  " + human_bytes(static_cast<std::uint64_t>(p.bytes_per_second)) + "/s";
  if (p.bytes_total > p.bytes && p.bytes_per_second >= 1)
    out += "  " + human_duration(std::ceil(static_cast<double>(p.bytes_total - p.bytes) / p.bytes_per_second)) + " left";
  if (p.errors > 0) out += fmt::format("  {} {}", human_count(p.errors), p.errors == 1 ? "error" : "errors");
  if (!p.item.empty()) out += "  " + printable(p.item);
  return cut_to(out, columns > 1 ? columns - 1 : 1, utf8);  // the last column would wrap on some terminals
}

std::string done_line(std::string_view label, std::uint64_t items, std::uint64_t bytes, double seconds, bool utf8) {
  std::string out = fmt::format("{}  {} {}  {}  {}", printable(label), human_count(items), items == 1 ? "file" : "files", human_bytes(bytes),
                                bar(1, kBarCells, utf8));
  if (seconds > 0.05 && bytes > 0) out += "  " + human_bytes(static_cast<std::uint64_t>(static_cast<double>(bytes) / seconds)) + "/s";
  return out + "  done in " + human_duration(seconds);
}

ProgressView::ProgressView(Output& out, Env& env, Progress& progress, std::string label)
    : out_(out), env_(env), progress_(progress), begin_ns_(env.monotonic_ns()),
      redraws_(out.can_redraw() && !out.quiet() && (!out.json_mode() || out.verbose())),
      speaks_(!out.can_redraw() && !out.quiet() && (!out.json_mode() || out.verbose())), label_(std::move(label)) {
  if (redraws_) out_.show_status(progress_line(picture(), out_.columns(), out_.utf8()));
  if (redraws_ || speaks_) thread_ = std::thread([this] { run(); });
}

void ProgressView::relabel(std::string label) {
  Lock lock(mutex_);
  label_ = std::move(label);
}

void ProgressView::stop() {
  {
    Lock lock(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  if (!thread_.joinable()) return;
  thread_.join();
  out_.show_status("");
}

double ProgressView::seconds() const { return static_cast<double>(env_.monotonic_ns() - begin_ns_) / 1e9; }

ProgressPicture ProgressView::picture() {
  ProgressPicture p;
  {
    Lock lock(mutex_);
    p.label = label_;
  }
  p.bytes = progress_.bytes_done;
  p.bytes_total = progress_.bytes_total;
  p.items = progress_.items_done;
  p.items_total = progress_.items_total;
  p.errors = progress_.errors;
  p.item = progress_.current_item();
  p.stopping = progress_.stop_requested;
  p.seconds = seconds();
  // Exponentially forgetting mean over kRateSeconds; a new phase starts its counters, and so the rate, afresh.
  if (p.bytes < last_bytes_) rate_ = 0, last_bytes_ = p.bytes, last_seconds_ = p.seconds;
  const double passed = p.seconds - last_seconds_;
  if (passed > 0) {
    const double now = static_cast<double>(p.bytes - last_bytes_) / passed;
    const double weight = rate_ <= 0 ? 1 : 1 - std::exp(-passed / kRateSeconds);
    rate_ += weight * (now - rate_);
    last_bytes_ = p.bytes;
    last_seconds_ = p.seconds;
  }
  p.bytes_per_second = rate_;
  return p;
}

void ProgressView::run() {
  std::int64_t next_words_ns = env_.monotonic_ns() + kSpeakNs;
  while (true) {
    const bool asked_to_stop = progress_.stop_requested;
    {
      Lock lock(mutex_);
      if (!ended_) wake_.wait_for(mutex_, kRedraw);
      if (ended_) return;
    }
    if (asked_to_stop && !told_stopping_) {
      told_stopping_ = true;
      out_.note("Stopping; what is stored stays stored. Ctrl-C again stops at once.");
    }
    if (redraws_) {
      out_.show_status(progress_line(picture(), out_.columns(), out_.utf8()));
    } else if (env_.monotonic_ns() >= next_words_ns) {
      next_words_ns += kSpeakNs;
      constexpr std::size_t kPlainColumns = 200;
      ProgressPicture p = picture();
      out_.note(progress_line(p, kPlainColumns, out_.utf8()));
    }
  }
}

}  // namespace hf::cli
