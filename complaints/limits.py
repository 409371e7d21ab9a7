"""How often one address or one member may write to us or try a code."""

from consent.limits import Limit

# A hospital is one address with many doctors behind it.
NEW_CASES = Limit("complaints.new", times=20, seconds=3600)
REPLIES = Limit("complaints.reply", times=60, seconds=3600)
# 80 random bits are not guessed in twenty tries an hour; the limit spares us whoever tries all the same.
WRONG_CODES = Limit("complaints.code", times=20, seconds=3600)
