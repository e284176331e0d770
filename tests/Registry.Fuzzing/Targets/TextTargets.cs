using System.Text;
using Registry.WebRtc;
using Registry.WebRtc.Sdp;

namespace Registry.Fuzzing.Targets;

/// <summary>Session descriptions: what is read can be written, and reads again as the same.</summary>
internal sealed class SdpTarget : IFuzzTarget
{
    public string Name => "sdp";

    public long BaseAllocation => 512 * 1024;

    public IReadOnlyList<string> Tokens =>
    [
        "\r\n", "a=", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", "a=setup:active\r\n", "a=setup:passive\r\n",
        "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", "a=end-of-candidates\r\n", "a=ice-lite\r\n", "a=mid:", "a=group:BUNDLE 0\r\n", "a=sctp-port:",
        "a=max-message-size:", "a=sctpmap:5000 webrtc-datachannel 1024\r\n", "a=ice-options:trickle\r\n", "a=ice-ufrag:", "a=ice-pwd:", "a=bundle-only\r\n",
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return;
        var type = (input[0] & 1) == 0 ? SdpType.Offer : SdpType.Answer;
        if (!SdpDescription.TryParse(type, Encoding.UTF8.GetString(input[1..]), out var description, out _))
            return;
        var written = description.ToString();
        PropertyViolatedException.ThrowUnless(
            SdpDescription.TryParse(type, written, out var again, out var error), $"What was written does not read: {error}\n{written}");
        PropertyViolatedException.ThrowUnless(again!.ToString() == written, $"What was read again is written otherwise:\n{written}\n{again}");
    }
}

/// <summary>Candidate lines: what is read can be written, and reads again as the same.</summary>
internal sealed class CandidateTarget : IFuzzTarget
{
    public string Name => "candidate";

    public int MaxLength => 1024;

    public IReadOnlyList<string> Tokens =>
    [
        " ", "candidate:", "a=candidate:", "udp", "tcp", "typ", "host", "srflx", "prflx", "relay", "raddr", "rport", "tcptype", "active", "passive", "so",
        "ufrag", "generation", ".local", "::1", "192.0.2.1", "2122260223", "65535",
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (!IceCandidate.TryParse(Encoding.UTF8.GetString(input), out var candidate, out _))
            return;
        var written = candidate.ToString();
        PropertyViolatedException.ThrowUnless(IceCandidate.TryParse(written, out var again, out var error), $"What was written does not read: {error}\n{written}");
        PropertyViolatedException.ThrowUnless(again!.ToString() == written, $"What was read again is written otherwise:\n{written}\n{again}");
    }
}
