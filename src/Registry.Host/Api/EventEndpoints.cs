using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Registry.Host.Api.Description;
using Registry.Host.Limits;
using Registry.Host.Security;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>
/// What happens, as server-sent events. <c>GET /v1/tubes/{id}/signals</c>: one tube's signals, the event's id is the signal's number; ends
/// after <c>tube_closed</c>. <c>GET /v1/events</c>: every tube's life, in a cluster those of all nodes. Of each node
/// first <c>tube</c> for every one that lives, then <c>tubes_listed</c> with the node's name, then the signals of all except candidates; one more
/// <c>tubes_listed</c> of a node says that it is gone with all its tubes. A client goes on with <c>Last-Event-ID</c> or <c>?after=</c>.
/// </summary>
internal static class EventEndpoints
{
    private const string LastEventId = "Last-Event-ID";

    // Shorter than anyone who watches can tell.
    private static readonly TimeSpan PauseBetweenEvents = TimeSpan.FromMilliseconds(20);

    private static readonly SignalTexts Texts = new();

    public static void MapEvents(this IEndpointRouteBuilder v1)
    {
        v1.MapGet("/tubes/{tubeId}/signals", OpenSignalsAsync).ForFollowers().Streaming().Described(Operations.ReadSignals);
        v1.MapGet("/events", OpenEvents).ForReaders().Streaming().Described(Operations.WatchEvents);
    }

    private static async Task<IResult> OpenSignalsAsync(string tubeId, string? after, HttpRequest request, CallerRegistry registry)
    {
        if (!Arguments.TryTubeId(tubeId, out var id, out var problem) || !TryReadSequence(request, after, out var sequence, out problem))
            return problem;
        return await registry.FindTubeAsync(id, request.HttpContext.RequestAborted) switch
        {
            TubeFound found => new EventStream(registry.Signals(found.Snapshot, sequence).Select(signal => new ServerSentEvent(Invariant(signal.Sequence), Texts.Of(signal)))),
            var reply => Replies.Translate(reply),
        };
    }

    // A position of a run that is over gets the list again, which is never wrong.
    private static EventStream OpenEvents(string? after, HttpRequest request, CallerRegistry registry) =>
        new(registry.WatchAsync(ReadPosition(request, after).Text).Select(Translate), PauseBetweenEvents);

    // A client that is cut off within the list needs all of it again, so what is listed has no id.
    private static ServerSentEvent Translate(RegistryEvent change) => change switch
    {
        TubeListed listed => new(null, ServerSentEvent.TextOf("tube", TubeBody.Of(listed.Tube))),
        TubeSignalled signalled => new(change.Position, Texts.Of(signalled.Signal)),
        TubesListed listed => new(change.Position, ServerSentEvent.TextOf("tubes_listed", new TubesListedBody(listed.Node))),
        _ => throw new InvalidOperationException($"{change.GetType().Name} has no form as an event."),
    };

    private static bool TryReadSequence(HttpRequest request, string? after, out long sequence, [NotNullWhen(false)] out Problem? problem)
    {
        sequence = 0;
        var (field, text) = ReadPosition(request, after);
        problem = text is null || TryParse(text, out sequence) ? null : Problem.InvalidRequest(field, $"'{field}' must be the number of the last event that was received.");
        return problem is null;
    }

    // The header is what a browser sends by itself when it connects again, so it is the newer of the two.
    private static (string Field, string? Text) ReadPosition(HttpRequest request, string? after) =>
        request.Headers[LastEventId].ToString() is { Length: > 0 } header ? (LastEventId, header) : (nameof(after), after);

    private static bool TryParse(string text, out long number) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static string Invariant(long number) => number.ToString(CultureInfo.InvariantCulture);
}
