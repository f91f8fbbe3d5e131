#include "base/in_order.hpp"

#include <algorithm>
#include <exception>

#include "base/without_throwing.hpp"

namespace hf {

InOrder::InOrder(unsigned jobs, std::size_t ahead) : ahead_(ahead) {
  threads_.reserve(jobs);
  try {
    for (unsigned worker = 1; worker < jobs; ++worker) threads_.emplace_back([this, worker] { work(worker); });
  } catch (const std::exception&) {  // no more threads to be had: those that there are do it
  }
}

InOrder::~InOrder() {
  {
    Lock lock(mutex_);
    stopping_ = true;
  }
  given_.notify_all();
  threads_.clear();  // before what they use
}

std::shared_ptr<InOrder::Piece> InOrder::take() {
  const auto next = std::find_if(pieces_.begin(), pieces_.end(), [](const auto& p) { return p->state == Piece::State::waiting; });
  if (next == pieces_.end()) return nullptr;
  (*next)->state = Piece::State::taken;
  return *next;
}

void InOrder::do_first(Piece& piece, unsigned worker) {
  Status outcome = without_throwing([&] { return piece.first(worker); });
  Lock lock(mutex_);
  piece.outcome = std::move(outcome);
  piece.state = Piece::State::done;
  ready_.notify_all();
}

void InOrder::work(unsigned worker) {
  for (;;) {
    std::shared_ptr<Piece> piece;
    {
      Lock lock(mutex_);
      while (!stopping_ && !(piece = take())) given_.wait(mutex_);
      if (stopping_) return;
    }
    do_first(*piece, worker);
  }
}

Status InOrder::do_seconds(std::size_t left) {
  for (;;) {
    std::shared_ptr<Piece> piece;
    bool is_first = false;
    {
      Lock lock(mutex_);
      while (!pieces_.empty() && pieces_.front()->state != Piece::State::done && pieces_.size() > left && !(piece = take())) ready_.wait(mutex_);
      if (piece) {
        is_first = true;
      } else {
        if (pieces_.empty() || pieces_.front()->state != Piece::State::done) return {};
        piece = std::move(pieces_.front());
        pieces_.pop_front();
      }
    }
    if (is_first) {
      do_first(*piece, 0);
    } else {
      HF_TRY(piece->outcome);
      HF_TRY(piece->second());
    }
  }
}

Status InOrder::add(First first, Second second) {
  if (threads_.empty()) {
    HF_TRY(without_throwing([&] { return first(0); }));
    return second();
  }
  auto piece = std::make_shared<Piece>();
  piece->first = std::move(first);
  piece->second = std::move(second);
  {
    Lock lock(mutex_);
    pieces_.push_back(std::move(piece));
  }
  given_.notify_one();
  return do_seconds(ahead_);
}

Status InOrder::finish() { return do_seconds(0); }

}  // namespace hf
