using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>One of the things that can go wrong.</summary>
/// <param name="Code">Its code, for programs.</param>
/// <param name="Statuses">The statuses it comes with.</param>
/// <param name="Meaning">What it means and what to do.</param>
/// <param name="Retryable">Whether the same request can succeed later.</param>
internal sealed record ProblemKind(string Code, int[] Statuses, string Meaning, bool Retryable = false);

/// <summary>The closed list of what can go wrong over HTTP: the registry's refusals, and what the interface itself refuses.</summary>
internal static class ProblemCodes
{
    public const string BadRequest = "bad_request";
    public const string UnknownHost = "unknown_host";
    public const string InvalidRequest = "invalid_request";
    public const string UnsupportedMediaType = "unsupported_media_type";
    public const string BodyTooLarge = "body_too_large";
    public const string NotFound = "not_found";
    public const string MethodNotAllowed = "method_not_allowed";
    public const string Unauthenticated = "unauthenticated";
    public const string Forbidden = "forbidden";
    public const string IssuerUnreachable = "issuer_unreachable";
    public const string TooManyFailures = "too_many_failures";
    public const string RateLimited = "rate_limited";
    public const string StreamLimit = "stream_limit";
    public const string Joining = "joining";
    public const string AuditNotKept = "audit_not_kept";
    public const string InvalidConfiguration = "invalid_configuration";
    public const string Timeout = "timeout";

    /// <summary>What any call can be answered.</summary>
    public static readonly string[] OfAnyCall = [RefusalCode.InternalError.Text, UnknownHost];

    /// <summary>What a call can be answered that is not for everybody.</summary>
    public static readonly string[] OfKnownCallers = [InvalidRequest, Unauthenticated, Forbidden, TooManyFailures, IssuerUnreachable];

    /// <summary>What a call with a body can be answered.</summary>
    public static readonly string[] OfBodies = [BadRequest, InvalidRequest, UnsupportedMediaType, BodyTooLarge];

    /// <summary>All of them by code.</summary>
    public static readonly IReadOnlyDictionary<string, ProblemKind> All = OfTheInterface().Concat(Enum.GetValues<RefusalCode>().Select(OfTheRegistry))
        .ToDictionary(kind => kind.Code, StringComparer.Ordinal);

    private static IEnumerable<ProblemKind> OfTheInterface() =>
    [
        new(BadRequest, [400, 408], "The body is not HTTP as it must be, or took too long to arrive."),
        new(UnknownHost, [400], "The header Host names none of the gateway's names; registry.http.hosts lists them."),
        new(UnsupportedMediaType, [415], "The body must be JSON, and say so with the header Content-Type: application/json."),
        new(BodyTooLarge, [413], $"The body is larger than {RequestBody.MaxLength} bytes."),
        new(NotFound, [404], "There is nothing at this path."),
        new(MethodNotAllowed, [405], "The path does not take this method; the header Allow lists those it takes."),
        new(Unauthenticated, [401], "The key or token is missing, wrong, expired, or not for this gateway."),
        new(Forbidden, [403], "The key or token is not for this call."),
        new(IssuerUnreachable, [503], "The keys of the issuer of JSON web tokens could not be fetched, so a token can be neither taken nor refused; the gateway's log says why.", Retryable: true),
        new(TooManyFailures, [429], "The key or token is not taken, and the address was wrong about them too often to be told more for a while.", Retryable: true),
        new(RateLimited, [429], "The caller sends more requests per second than registry.http.limits allows.", Retryable: true),
        new(StreamLimit, [429], "The caller has as many event streams open as registry.http.limits allows; a close of one makes room.", Retryable: true),
        new(Joining, [503], "The node has not joined its cluster yet; another one may serve.", Retryable: true),
        new(AuditNotKept, [404], "The gateway keeps no database of audit records."),
        new(InvalidConfiguration, [409], "A file or setting that was read again is wrong, and nothing changed; field names the setting."),
        new(Timeout, [504], "The registry did not answer in time.", Retryable: true),
    ];

    private static ProblemKind OfTheRegistry(RefusalCode code) => new(code.Text, [Problem.StatusOf(code)], MeaningOf(code), new Refused(code, "").Retryable);

    private static string MeaningOf(RefusalCode code) => code switch
    {
        RefusalCode.InvalidSettings => "A setting is missing, unknown, of the wrong type or not allowed here; field names it.",
        RefusalCode.InvalidRequest => "A member of the body, a part of the path or an argument of the query is wrong; field names it.",
        RefusalCode.ConversationExists => "The conversation is live on the tube that tubeId names.",
        RefusalCode.ConversationNotFound => "No tube carries the conversation.",
        RefusalCode.TubeNotFound => "There is no such tube, or it is not the caller's.",
        RefusalCode.NodeNotFound => "No node of the cluster has that name.",
        RefusalCode.TubeNotReady => "The tube is still being made.",
        RefusalCode.TubeClosing => "The tube is ending.",
        RefusalCode.Overloaded => "Every node has too many creates in flight, or too many tubes.",
        RefusalCode.OwnerLimit => "The owner has as many tubes as it may; a close of one makes room.",
        RefusalCode.ChannelLimit => "The tube has as many conversations as it may.",
        RefusalCode.RelayUnavailable => "The credentials for the relay could not be had.",
        RefusalCode.InvalidSdp => "The description is not base64 of UTF-8, lacks something, or comes at the wrong time.",
        RefusalCode.InvalidCandidate => "A candidate does not parse, or there are too many.",
        RefusalCode.ListenFailed => "The address to listen on is in use or not available.",
        RefusalCode.CreateTimeout => "The create did not finish in time.",
        RefusalCode.CreateCancelled => "The create was cancelled because its asker gave up.",
        RefusalCode.CreateFailed => "The create failed.",
        RefusalCode.Draining => "The node goes out of service; another one, where there is one, can do it.",
        RefusalCode.InternalError => "A fault of the gateway; its log has it.",
        RefusalCode.NodeUnreachable => "A node that must be asked does not answer; the cluster decides shortly whether it is gone.",
        RefusalCode.AuditUnavailable => "The audit cannot be written, and its mode is strict: nothing begins that would not be recorded.",
        RefusalCode.IceRestartLimit => "ICE was restarted too often or too recently.",
        RefusalCode.NotSupported => "The WebRTC stack that the node runs on cannot do it.",
        _ => throw new ArgumentOutOfRangeException(nameof(code), code, "Not a refusal code."),
    };
}
