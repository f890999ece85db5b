// The SQL that sql prints, made ready for one statement of one database. Private to this folder.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace ticklake::query {

// Gives inputs their statement's number, ticklake_input('i0') -> ticklake_input('7/i0'), and
// payload functions are called with that number: ticklake_payload_0(a, b) ->
// ticklake_payload_s3(7, a, b), where `functions` has {"0", "ticklake_payload_s3"};
// ticklake_statement() is the number alone. Text in quotes stays.
std::string rewritten(std::string_view sql, int64_t statement,
                      const std::map<std::string, std::string>& functions);

}  // namespace ticklake::query
