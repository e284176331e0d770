using CsCheck;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Sdp;

namespace Registry.WebRtc.Tests.Sdp;

public sealed class SdpDescriptionTests
{
    private static readonly IceCredentials Credentials = new("ufrag123", "password0123456789012345");
    private static readonly CertificateFingerprint Fingerprint = new("sha-256", string.Join(':', Enumerable.Repeat("AB", 32)));

    [Theory]
    [InlineData(SdpSamples.Chromium, "cz8k", "hIVxQ5kOUZzxRcbC1mUvlIbd", 262_144, 2)]
    [InlineData(SdpSamples.Firefox, "a9c7c6e9", "ac82a5dd5d3ae6dfa2a52d4a2dc9bcbe", 1_073_741_823, 1)]
    [InlineData(SdpSamples.LibDataChannel, "Uzt/", "p+5eDE3kxZPLhVMSvHvtV5", 262_144, 1)]
    public void Offers_of_other_stacks_are_read(string text, string ufrag, string password, int maxMessageSize, int candidates)
    {
        foreach (var lineEnds in new[] { text, text.ReplaceLineEndings("\r\n") })
        {
            var offer = SdpDescription.Parse(SdpType.Offer, lineEnds);

            offer.Credentials.ShouldBe(new IceCredentials(ufrag, password));
            offer.Fingerprints.ShouldHaveSingleItem().Algorithm.ShouldBe("sha-256");
            offer.Setup.ShouldBe(DtlsSetup.ActPass);
            offer.Mid.ShouldBe("0");
            offer.IsBundled.ShouldBeTrue();
            offer.SupportsTrickle.ShouldBeTrue();
            offer.IsIceLite.ShouldBeFalse();
            offer.SctpPort.ShouldBe(5000);
            offer.MaxMessageSize.ShouldBe(maxMessageSize);
            offer.Candidates.Count.ShouldBe(candidates);
            offer.MediaIndex.ShouldBe(0);
            offer.RejectedMedia.ShouldBeEmpty();
        }
    }

    [Fact]
    public void The_end_of_candidates_is_seen()
    {
        SdpDescription.Parse(SdpType.Offer, SdpSamples.LibDataChannel).EndOfCandidates.ShouldBeTrue();
        SdpDescription.Parse(SdpType.Offer, SdpSamples.Chromium).EndOfCandidates.ShouldBeFalse();
    }

    [Fact]
    public void An_answer_is_read()
    {
        var answer = SdpDescription.Parse(SdpType.Answer, SdpSamples.Werift);

        answer.Setup.ShouldBe(DtlsSetup.Active);
        answer.MaxMessageSize.ShouldBe(65_536);
        answer.Candidates.ShouldBeEmpty();
    }

    [Fact]
    public void An_offer_with_audio_is_answered_with_the_audio_refused_at_its_place()
    {
        var offer = SdpDescription.Parse(SdpType.Offer, SdpSamples.LibWebRtcWithAudio);
        offer.MediaIndex.ShouldBe(1);
        offer.Credentials.UsernameFragment.ShouldBe("Kz0A", "a bundle-only section uses the transport of its group");
        offer.MaxMessageSize.ShouldBe(SdpDescription.DefaultMaxMessageSize, "the line is absent");

        var lines = offer.CreateAnswer(Credentials, Fingerprint, 1000).ToString().Split("\r\n");

        lines.Where(l => l.StartsWith("m=", StringComparison.Ordinal))
            .ShouldBe(["m=audio 0 UDP/TLS/RTP/SAVPF 111 63 9", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"]);
        lines.ShouldContain("a=group:BUNDLE data");
        lines.ShouldContain("a=mid:audio");
        lines.ShouldContain("a=setup:active");
    }

    [Fact]
    public void The_old_form_is_read_and_answered_in_kind()
    {
        var offer = SdpDescription.Parse(SdpType.Offer, SdpSamples.LegacySctpMap);
        offer.UsesSctpMap.ShouldBeTrue();
        offer.SctpPort.ShouldBe(5001);
        offer.IsIceLite.ShouldBeTrue();
        offer.IsBundled.ShouldBeFalse();
        offer.SupportsTrickle.ShouldBeFalse();
        offer.Fingerprints.ShouldHaveSingleItem("the SHA-1 one is not supported").Algorithm.ShouldBe("sha-256");

        var text = offer.CreateAnswer(Credentials, Fingerprint, 1000).ToString();

        text.ShouldContain("m=application 9 DTLS/SCTP 5000\r\n");
        text.ShouldContain("a=sctpmap:5000 webrtc-datachannel 1024\r\n");
        text.ShouldContain("a=setup:active\r\n");
        text.ShouldNotContain("a=group");
    }

    [Theory]
    [InlineData("actpass", "active")]
    [InlineData("active", "passive")]
    [InlineData("passive", "active")]
    public void The_answer_takes_the_other_part_of_the_handshake(string offered, string answered)
    {
        var offer = SdpDescription.Parse(SdpType.Offer, SdpSamples.Chromium.Replace("setup:actpass", "setup:" + offered, StringComparison.Ordinal));

        offer.CreateAnswer(Credentials, Fingerprint, 1000).ToString().ShouldContain($"a=setup:{answered}\r\n");
    }

    [Fact]
    public void An_offer_is_written_as_other_stacks_expect_it()
    {
        var offer = SdpDescription.CreateOffer(Credentials, Fingerprint, 262_144) with
        {
            SessionId = 17,
            Candidates = [IceCandidate.Parse("candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host")],
            EndOfCandidates = true,
        };

        offer.ToString().ShouldBe(string.Join("\r\n",
            "v=0", "o=- 17 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0",
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0",
            "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host", "a=end-of-candidates",
            "a=ice-ufrag:ufrag123", "a=ice-pwd:password0123456789012345", "a=ice-options:trickle",
            $"a=fingerprint:{Fingerprint}", "a=setup:actpass", "a=mid:0", "a=sctp-port:5000", "a=max-message-size:262144", ""));
    }

    [Theory]
    [InlineData(SdpSamples.Chromium)]
    [InlineData(SdpSamples.Firefox)]
    [InlineData(SdpSamples.LibDataChannel)]
    [InlineData(SdpSamples.Werift)]
    [InlineData(SdpSamples.LibWebRtcWithAudio)]
    [InlineData(SdpSamples.LegacySctpMap)]
    public void What_was_read_is_written_and_read_again(string text)
    {
        var read = SdpDescription.Parse(SdpType.Offer, text);
        var again = SdpDescription.Parse(SdpType.Offer, read.ToString());

        again.ToString().ShouldBe(read.ToString());
        (again with { Candidates = [], Fingerprints = [], RejectedMedia = [] })
            .ShouldBe(read with { Candidates = [], Fingerprints = [], RejectedMedia = [] });
        again.Candidates.ShouldBe(read.Candidates);
        again.Fingerprints.ShouldBe(read.Fingerprints);
        again.RejectedMedia.ShouldBe(read.RejectedMedia);
    }

    [Fact]
    public void No_limit_of_the_message_size_is_zero()
    {
        var read = SdpDescription.Parse(SdpType.Offer, Without("a=max-message-size", "a=max-message-size:0"));
        read.MaxMessageSize.ShouldBe(int.MaxValue);
        read.ToString().ShouldContain("a=max-message-size:0\r\n");
        SdpDescription.Parse(SdpType.Offer, Without("a=max-message-size", "a=max-message-size:18446744073709551615")).MaxMessageSize.ShouldBe(int.MaxValue);
    }

    [Theory]
    [InlineData("sha-384", 48)]
    [InlineData("SHA-512", 64)]
    public void Longer_hashes_are_taken(string algorithm, int octets)
    {
        var line = $"a=fingerprint:{algorithm} {string.Join(':', Enumerable.Repeat("0f", octets))}";
        var fingerprint = SdpDescription.Parse(SdpType.Offer, Without("a=fingerprint", line)).Fingerprints.ShouldHaveSingleItem();
        fingerprint.Algorithm.ShouldBe(algorithm.ToLowerInvariant());
        fingerprint.Value.ShouldStartWith("0F:0F");
    }

    [Theory]
    [InlineData("v=0", null, "v=0 is missing")]
    [InlineData("m=application", null, "m=application is missing")]
    [InlineData("m=application", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=application is missing")]
    [InlineData("m=application", "m=application 9 RTP/SAVPF 100", "m=application: protocol 'RTP/SAVPF'")]
    [InlineData("m=application", "m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "m=application: port 0")]
    [InlineData("m=application", "m=application 9 UDP/DTLS/SCTP", "line 8: m= must be")]
    [InlineData("m=application", "m=application 70000 UDP/DTLS/SCTP webrtc-datachannel", "line 8: m= must be")]
    [InlineData("o=-", "o=- x 2 IN IP4 127.0.0.1", "line 2: o= must be")]
    [InlineData("s=-", "session", "line 3: 'session' is not of the form")]
    [InlineData("s=-", "s=\u0007", "line 3: ")]
    [InlineData("a=ice-ufrag", null, "a=ice-ufrag is missing")]
    [InlineData("a=ice-ufrag", "a=ice-ufrag:abc", "a=ice-ufrag must be 4 to 256")]
    [InlineData("a=ice-ufrag", "a=ice-ufrag:ab:cd", "a=ice-ufrag must be 4 to 256")]
    [InlineData("a=ice-pwd", null, "a=ice-pwd is missing")]
    [InlineData("a=ice-pwd", "a=ice-pwd:tooShort", "a=ice-pwd must be 22 to 256")]
    [InlineData("a=fingerprint", null, "a=fingerprint is missing")]
    [InlineData("a=fingerprint", "a=fingerprint:md5 00:11", "use sha-256, sha-384 or sha-512")]
    [InlineData("a=fingerprint", "a=fingerprint:sha-256 7B:8B", "sha-256 needs 32 hexadecimal octets")]
    [InlineData("a=fingerprint", "a=fingerprint:sha-256", "sha-256 needs 32 hexadecimal octets")]
    [InlineData("a=setup", null, "a=setup is missing")]
    [InlineData("a=setup", "a=setup:holdconn", "a=setup:holdconn is not supported")]
    [InlineData("a=sctp-port", "a=sctp-port:0", "a=sctp-port: port '0' must be 1 to 65535")]
    [InlineData("a=sctp-port", "a=sctp-port:65536", "a=sctp-port: port '65536' must be 1 to 65535")]
    [InlineData("a=max-message-size", "a=max-message-size:-1", "a=max-message-size:-1 must be a number")]
    [InlineData("a=candidate", "a=candidate:1 1 udp 1 192.0.2.1 99999 typ host", "port '99999'")]
    public void A_line_missing_or_wrong_is_named(string line, string? replacement, string error)
    {
        SdpDescription.TryParse(SdpType.Offer, Without(line, replacement), out var description, out var actual).ShouldBeFalse();
        description.ShouldBeNull();
        actual.ShouldContain(error);
        Should.Throw<FormatException>(() => SdpDescription.Parse(SdpType.Offer, Without(line, replacement))).Message.ShouldBe(actual);
    }

    [Fact]
    public void An_answer_must_choose_its_part_of_the_handshake()
    {
        SdpDescription.TryParse(SdpType.Answer, SdpSamples.Chromium, out _, out var error).ShouldBeFalse();
        error.ShouldContain("a=setup:actpass is not allowed in an answer");
    }

    [Theory]
    [InlineData("", "v=0 is missing")]
    [InlineData("{\"sdp\":1}", "v=0 is missing")]
    [InlineData("candidate:1 1 udp 1 192.0.2.1 5 typ host", "v=0 is missing")]
    public void What_is_no_description_is_refused(string text, string error)
    {
        SdpDescription.TryParse(SdpType.Offer, text, out _, out var actual).ShouldBeFalse();
        actual.ShouldContain(error);
    }

    [Fact]
    public void Absurd_sizes_are_refused()
    {
        static string? Error(string text) => SdpDescription.TryParse(SdpType.Offer, text, out _, out var error) ? null : error;

        Error(SdpSamples.Chromium + new string('\n', 70_000)).ShouldNotBeNull().ShouldContain("at most 65536");
        Error(SdpSamples.Chromium + "a=" + new string('x', 9_000)).ShouldNotBeNull().ShouldContain("at most 8192");
        Error(SdpSamples.Chromium + Repeat("a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\n", 63)).ShouldNotBeNull().ShouldContain("a=candidate occurs more than 64 times");
        Error(SdpSamples.Chromium + Repeat("m=audio 9 RTP 0\n", 32)).ShouldNotBeNull().ShouldContain("m= occurs more than 32 times");
        Error(SdpSamples.Chromium + Repeat("a=x\n", 3_000)).ShouldNotBeNull().ShouldContain("a= occurs more than 2048 times");
        Error(SdpSamples.Chromium + Repeat("a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\n", 62)).ShouldBeNull();
    }

    [Fact]
    public void Hostile_descriptions_never_throw_and_what_is_read_can_be_written()
    {
        string[] samples = [SdpSamples.Chromium, SdpSamples.Firefox, SdpSamples.LibDataChannel, SdpSamples.LibWebRtcWithAudio, SdpSamples.LegacySctpMap];
        static void Exercise(string text)
        {
            if (SdpDescription.TryParse(SdpType.Offer, text, out var read, out var error))
                SdpDescription.TryParse(SdpType.Offer, read.ToString(), out _, out error).ShouldBeTrue(error);
            else
                error.ShouldNotBeNullOrEmpty();
        }

        Gen.String.Sample(Exercise, iter: 2_000);
        Gen.Select(Gen.Int[0, samples.Length - 1], Gen.Select(Gen.Int[0, 2000], Gen.Char).Array[0, 5], Gen.Int[0, 2000]).Sample((sample, changes, cut) =>
        {
            var text = samples[sample].ToCharArray();
            foreach (var (index, value) in changes)
                text[index % text.Length] = value;
            Exercise(new string(text, 0, cut % 3 == 0 ? cut % text.Length : text.Length));
        }, iter: 10_000);
        // Lines of real descriptions in any order and number.
        var lines = samples.SelectMany(s => s.Split('\n')).ToArray();
        Gen.Int[0, lines.Length - 1].Array[0, 60].Sample(
            order => Exercise("v=0\n" + string.Join('\n', order.Select(i => lines[i]))), iter: 5_000);
    }

    private static string Repeat(string line, int times) => string.Concat(Enumerable.Repeat(line, times));

    /// <summary>Chromium's offer without the lines that begin so, the first of them replaced.</summary>
    private static string Without(string line, string? replacement)
    {
        var replaced = false;
        List<string> lines = [];
        foreach (var original in SdpSamples.Chromium.Split('\n'))
        {
            if (!original.StartsWith(line, StringComparison.Ordinal))
                lines.Add(original);
            else if (!replaced && replacement is not null)
                lines.Add(replacement);
            replaced |= original.StartsWith(line, StringComparison.Ordinal);
        }
        replaced.ShouldBeTrue($"the sample has no line {line}");
        return string.Join('\n', lines);
    }
}
