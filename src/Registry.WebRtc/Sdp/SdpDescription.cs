using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Registry.WebRtc.Ice;

namespace Registry.WebRtc.Sdp;

/// <summary>Who starts the DTLS handshake (<c>a=setup</c>, RFC 8842 §5).</summary>
internal enum DtlsSetup
{
    /// <summary>The answerer chooses.</summary>
    ActPass,
    /// <summary>This side is the DTLS client.</summary>
    Active,
    /// <summary>This side is the DTLS server.</summary>
    Passive,
}

/// <summary>A media section that is not the data channels'; written with port 0, which refuses it (RFC 3264 §6).</summary>
internal sealed record SdpRejectedMedia(string Kind, string Protocol, string Formats, string? Mid);

/// <summary>
/// A session description with one section for data channels (RFC 8866, RFC 8839, RFC 8841, RFC 8842, RFC 9429). Other media
/// sections are kept only as far as an answer has to refuse them at their place.
/// </summary>
internal sealed record SdpDescription
{
    /// <summary>Port number that WebRTC stacks use for SCTP inside DTLS.</summary>
    public const int DefaultSctpPort = 5000;

    /// <summary>Largest message when the description names no size (RFC 8841 §6.1).</summary>
    public const int DefaultMaxMessageSize = 65_536;

    public const string DefaultProtocol = "UDP/DTLS/SCTP";

    public required SdpType Type { get; init; }

    /// <summary>Session id of the origin line; below 2⁶³ (RFC 9429 §5.2.1).</summary>
    public ulong SessionId { get; init; }

    /// <summary>Version of the origin line; grows with each change of the description.</summary>
    public ulong SessionVersion { get; init; } = 1;

    /// <summary>Identification of the media section, or null when there is none.</summary>
    public string? Mid { get; init; } = "0";

    /// <summary>Whether the section is in the BUNDLE group (RFC 9143).</summary>
    public bool IsBundled { get; init; } = true;

    public required IceCredentials Credentials { get; init; }

    /// <summary>Whether this side is an ICE lite agent.</summary>
    public bool IsIceLite { get; init; }

    /// <summary>Whether candidates may follow by trickling (<c>a=ice-options:trickle</c>, RFC 8840 §4.1.1).</summary>
    public bool SupportsTrickle { get; init; } = true;

    /// <summary>Hashes of the certificate; at least one, all of supported algorithms.</summary>
    public required IReadOnlyList<CertificateFingerprint> Fingerprints { get; init; }

    public required DtlsSetup Setup { get; init; }

    public int SctpPort { get; init; } = DefaultSctpPort;

    /// <summary>Largest message this side takes, in bytes; <see cref="int.MaxValue"/> for no limit, written as 0 (RFC 8841 §6).</summary>
    public int MaxMessageSize { get; init; } = DefaultMaxMessageSize;

    public IReadOnlyList<IceCandidate> Candidates { get; init; } = [];

    /// <summary>Whether no candidates follow (<c>a=end-of-candidates</c>, RFC 8840 §4.2).</summary>
    public bool EndOfCandidates { get; init; }

    /// <summary>Transport protocol of the media section.</summary>
    public string Protocol { get; init; } = DefaultProtocol;

    /// <summary>Whether the section has the form of the old drafts: <c>m=application 9 DTLS/SCTP 5000</c> with <c>a=sctpmap</c>.</summary>
    public bool UsesSctpMap { get; init; }

    /// <summary>Position of the data channel section among all media sections.</summary>
    public int MediaIndex { get; init; }

    /// <summary>The other media sections in order.</summary>
    public IReadOnlyList<SdpRejectedMedia> RejectedMedia { get; init; } = [];

    /// <summary>An offer: <c>setup:actpass</c>, a fresh session id, no candidates yet.</summary>
    public static SdpDescription CreateOffer(IceCredentials credentials, CertificateFingerprint fingerprint, int maxMessageSize) => new()
    {
        Type = SdpType.Offer,
        SessionId = CreateSessionId(),
        Credentials = credentials,
        Fingerprints = [fingerprint],
        Setup = DtlsSetup.ActPass,
        MaxMessageSize = maxMessageSize,
    };

    /// <summary>A further offer in the session of this description (RFC 9429 §5.2.2): <c>setup:actpass</c>, no candidates yet.</summary>
    public SdpDescription CreateFurtherOffer(IceCredentials credentials) => this with
    {
        Type = SdpType.Offer,
        SessionVersion = SessionVersion + 1,
        Credentials = credentials,
        Setup = DtlsSetup.ActPass,
    };

    /// <summary>The answer to this offer: same sections, mid, bundle and form; <c>setup:active</c> unless the offerer wants to be active.</summary>
    public SdpDescription CreateAnswer(IceCredentials credentials, CertificateFingerprint fingerprint, int maxMessageSize) => new()
    {
        Type = SdpType.Answer,
        SessionId = CreateSessionId(),
        Credentials = credentials,
        Fingerprints = [fingerprint],
        Setup = Setup == DtlsSetup.Active ? DtlsSetup.Passive : DtlsSetup.Active,
        MaxMessageSize = maxMessageSize,
        Mid = Mid,
        IsBundled = IsBundled,
        Protocol = Protocol,
        UsesSctpMap = UsesSctpMap,
        MediaIndex = MediaIndex,
        RejectedMedia = RejectedMedia,
    };

    /// <summary>Reads a description.</summary>
    /// <exception cref="FormatException">Something needed is missing or wrong; the message names the line and what to do.</exception>
    public static SdpDescription Parse(SdpType type, string text) =>
        TryParse(type, text, out var description, out var error) ? description : throw new FormatException(error);

    /// <summary>Reads a description as <see cref="Parse"/> does, without throwing.</summary>
    public static bool TryParse(
        SdpType type, string text, [NotNullWhen(true)] out SdpDescription? description, [NotNullWhen(false)] out string? error)
    {
        var reader = new SdpReader(type);
        description = reader.Read(text);
        error = description is null ? reader.Error : null;
        return description is not null;
    }

    /// <summary>The description with what has been gathered by now.</summary>
    public SessionDescription With(IReadOnlyList<IceCandidate> candidates, IceGatheringState gathering)
    {
        var complete = this with { Candidates = candidates, EndOfCandidates = gathering == IceGatheringState.Complete };
        return new(complete.Type, complete.ToString());
    }

    /// <summary>The text with CRLF line ends.</summary>
    public override string ToString() => SdpWriter.Write(this);

    private static ulong CreateSessionId()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes) >> 1;
    }
}
