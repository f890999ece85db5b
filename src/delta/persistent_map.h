// A sorted map from strings whose versions share what they have in common: a change makes a new map
// in O(log n) and leaves the old one as it was. A snapshot of a table holds a few of these, so that
// a commit costs what it changes.
//
// Invariant: neither subtree of a node has more than kRatio times the entries of the other (a
// weight-balanced tree), so paths are short and the recursion is shallow.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ticklake::delta {

template <typename Value>
class PersistentMap {
 public:
  using Entry = std::pair<std::string, Value>;

  PersistentMap() = default;

  // In O(n), of entries in ascending order of distinct keys.
  static PersistentMap from_sorted(std::vector<Entry> entries) {
    return PersistentMap(balanced(entries, 0, entries.size()));
  }

  size_t size() const { return size_of(root_); }

  const Value* find(std::string_view key) const {
    const Node* at = root_.get();
    while (at) {
      int order = key.compare(at->entry.first);
      if (order == 0) return &at->entry.second;
      at = order < 0 ? at->left.get() : at->right.get();
    }
    return nullptr;
  }

  PersistentMap with(std::string key, Value value) const {
    return PersistentMap(inserted(root_, Entry(std::move(key), std::move(value))));
  }

  PersistentMap without(std::string_view key) const {
    return find(key) ? PersistentMap(erased(root_, key)) : *this;
  }

  // In ascending order of keys.
  template <typename Visit>  // void visit(const std::string& key, const Value& value)
  void for_each(Visit&& visit) const {
    walk(root_.get(), visit);
  }

 private:
  struct Node;
  using Link = std::shared_ptr<const Node>;
  struct Node {
    Link left;
    Link right;
    size_t size;
    Entry entry;
    Node(Link l, Entry e, Link r)
        : left(std::move(l)),
          right(std::move(r)),
          size(1 + size_of(left) + size_of(right)),
          entry(std::move(e)) {}
  };

  static constexpr size_t kRatio = 3;
  static constexpr size_t kRotateOnce = 2;

  explicit PersistentMap(Link root) : root_(std::move(root)) {}

  static size_t size_of(const Link& link) { return link ? link->size : 0; }

  static Link made(Link left, Entry entry, Link right) {
    return std::make_shared<const Node>(std::move(left), std::move(entry), std::move(right));
  }

  static Link joined(Link left, Entry entry, Link right) {
    size_t l = size_of(left);
    size_t r = size_of(right);
    if (l + r > 1 && r > kRatio * l) {
      Link in = right->left;
      if (size_of(in) < kRotateOnce * size_of(right->right)) {
        return made(made(std::move(left), std::move(entry), in), right->entry, right->right);
      }
      return made(made(std::move(left), std::move(entry), in->left), in->entry,
                  made(in->right, right->entry, right->right));
    }
    if (l + r > 1 && l > kRatio * r) {
      Link in = left->right;
      if (size_of(in) < kRotateOnce * size_of(left->left)) {
        return made(left->left, left->entry, made(in, std::move(entry), std::move(right)));
      }
      return made(made(left->left, left->entry, in->left), in->entry,
                  made(in->right, std::move(entry), std::move(right)));
    }
    return made(std::move(left), std::move(entry), std::move(right));
  }

  static Link inserted(const Link& at, Entry entry) {
    if (!at) return made(nullptr, std::move(entry), nullptr);
    int order = entry.first.compare(at->entry.first);
    if (order == 0) return made(at->left, std::move(entry), at->right);
    if (order < 0) return joined(inserted(at->left, std::move(entry)), at->entry, at->right);
    return joined(at->left, at->entry, inserted(at->right, std::move(entry)));
  }

  static Link erased(const Link& at, std::string_view key) {
    int order = key.compare(at->entry.first);
    if (order < 0) return joined(erased(at->left, key), at->entry, at->right);
    if (order > 0) return joined(at->left, at->entry, erased(at->right, key));
    if (!at->left) return at->right;
    if (!at->right) return at->left;
    const Node* next = at->right.get();
    while (next->left) next = next->left.get();
    return joined(at->left, next->entry, erased(at->right, next->entry.first));
  }

  static Link balanced(std::vector<Entry>& entries, size_t from, size_t to) {
    if (from == to) return nullptr;
    size_t middle = from + (to - from) / 2;
    Link left = balanced(entries, from, middle);
    Link right = balanced(entries, middle + 1, to);
    return made(std::move(left), std::move(entries[middle]), std::move(right));
  }

  template <typename Visit>
  static void walk(const Node* at, Visit& visit) {
    if (!at) return;
    walk(at->left.get(), visit);
    visit(at->entry.first, at->entry.second);
    walk(at->right.get(), visit);
  }

  Link root_;
};

}  // namespace ticklake::delta
