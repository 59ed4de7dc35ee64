"""A password is hashed with argon2id, and its length means something."""

import pytest

from gongzhi.tenants.passwords import LONGEST, SHORTEST, PasswordWeak, hash_password, password_fits


class TestHash:
    def test_is_argon2id_and_never_the_same_twice(self):
        one, other = hash_password("correct horse"), hash_password("correct horse")

        assert one.startswith("$argon2id$")
        assert one != other

    @pytest.mark.parametrize("password", ["", "x" * (SHORTEST - 1), "aaaaaaaaaaaabb", "ab" * 101])
    def test_of_a_weak_password_is_refused(self, password):
        with pytest.raises(PasswordWeak, match="12 to 200 characters"):
            hash_password(password)


class TestFits:
    def test_only_the_password_itself(self):
        kept = hash_password("correct horse")

        assert password_fits(kept, "correct horse")
        assert not password_fits(kept, "correct horse ")
        assert not password_fits(kept, "")

    def test_nothing_where_nothing_is_kept(self):
        assert not password_fits(None, "nobody has this password")

    def test_no_password_that_goes_on_where_the_longest_ends(self):
        longest = "abcd" * (LONGEST // 4)

        assert password_fits(hash_password(longest), longest)
        assert not password_fits(hash_password(longest), longest + "e")
