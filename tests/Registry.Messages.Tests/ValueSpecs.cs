namespace Registry.Messages.Tests;

public sealed class ValueSpecs
{
    [Theory]
    [InlineData("a", true)]
    [InlineData("A-z_0.9", true)]
    [InlineData("", false)]
    [InlineData(null, false)]
    [InlineData("a b", false)]
    [InlineData("a/b", false)]
    [InlineData("ü", false)]
    [InlineData("a\n", false)]
    public void Tube_ids_are_of_a_safe_alphabet(string? text, bool valid)
    {
        TubeId.TryParse(text, out var id).ShouldBe(valid);
        id.ToString().ShouldBe(valid ? text : "");
        if (!valid)
            Should.Throw<FormatException>(() => new TubeId(text!));
    }

    [Fact]
    public void Ids_have_a_longest_length()
    {
        TubeId.TryParse(new string('a', 128), out _).ShouldBeTrue();
        TubeId.TryParse(new string('a', 129), out _).ShouldBeFalse();
        ConversationId.TryParse(new string('ü', 256), out _).ShouldBeTrue();
        ConversationId.TryParse(new string('ü', 257), out _).ShouldBeFalse();
    }

    [Theory]
    [InlineData("Sitzung 7 / 東京", true)]
    [InlineData("", false)]
    [InlineData("a\tb", false)]
    [InlineData("a\u0000", false)]
    [InlineData("\ud800", false)]
    public void Conversation_ids_are_printable(string text, bool valid) => ConversationId.TryParse(text, out _).ShouldBe(valid);

    [Fact]
    public void Close_reasons_are_the_closed_list()
    {
        var known = Enum.GetValues<CloseReason>();
        known.Select(r => (int)r.Code).ShouldBe([.. Enumerable.Range(0, 24).Where(c => c != 3), 64, 65, 66, 67]);
        known.Where(r => r.IsCritical).Select(r => (int)r.Code).ShouldBe([1, 13, 14, 17, 18, 19, 21]);
        known.Where(r => r.IsRetryable).Select(r => (int)r.Code).ShouldBe([2, 4, 9, 10, 16, 64, 65, 66, 67]);
        foreach (var reason in known)
        {
            reason.Name.ShouldBe(reason.ToString());
            reason.Message.ShouldNotBeEmpty();
            CloseReason.FromCode(reason.Code).ShouldBe(reason);
        }

        new[] { -1, 3, 24, 63, 68, 255, 256 }.ShouldAllBe(c => CloseReason.FromCode(c) == CloseReason.Unknown);
    }

    [Fact]
    public void States_and_codes_have_their_text()
    {
        Enum.GetValues<TubeState>().Select(s => s.Text).ShouldBe(["new", "initializing", "connecting", "active", "ready", "disconnected", "failed", "closing", "closed"]);
        foreach (var state in Enum.GetValues<TubeState>())
        {
            TubeState.TryParseText(state.Text, out var parsed).ShouldBeTrue();
            parsed.ShouldBe(state);
        }

        TubeState.TryParseText("Ready", out _).ShouldBeFalse();
        Enum.GetValues<NodeState>().Select(s => s.Text).ShouldBe(["joining", "up", "draining", "leaving", "unreachable"]);
        Enum.GetValues<RefusalCode>().Select(c => c.Text).ShouldBeUnique();
    }

    [Fact]
    public void Sdp_survives_base64()
    {
        SdpText.TryDecode(SdpText.Encode("v=0\r\ns=ü\r\n"), "sdp", out var sdp, out _).ShouldBeTrue();
        sdp.ShouldBe("v=0\r\ns=ü\r\n");
    }
}
