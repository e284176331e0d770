using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Registry.Actors;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>
/// What happens, as server-sent events. <c>GET /v1/tubes/{id}/signals</c>: one tube's signals, the event's id is the signal's number; ends
/// after <c>tube_closed</c>. <c>GET /v1/events</c>: every tube's life, after a list of those that live: <c>tube</c> for each, then
/// <c>tubes_listed</c>, then the signals of all except candidates. A client goes on with <c>Last-Event-ID</c> or <c>?after=</c>.
/// </summary>
internal static class EventEndpoints
{
    private const string LastEventId = "Last-Event-ID";

    public static void MapEvents(this IEndpointRouteBuilder v1)
    {
        v1.MapGet("/tubes/{tubeId}/signals", OpenSignals);
        // The node counts its changes from 1 each time it starts: a number of an earlier run means nothing in this one.
        var run = Guid.NewGuid().ToString("N")[..8];
        v1.MapGet("/events", (string? after, HttpRequest request, ITubeRegistry registry) => OpenEvents(run, after, request, registry));
    }

    private static IResult OpenSignals(string tubeId, string? after, HttpRequest request, ITubeRegistry registry)
    {
        if (!Arguments.TryTubeId(tubeId, out var id, out var problem) || !TryReadSequence(request, after, out var sequence, out problem))
            return problem;
        return registry.Signals(id, sequence) is { } signals
            ? new EventStream(signals.Select(signal => new ServerSentEvent(Invariant(signal.Sequence), signal.Kind, SignalBody.Of(signal))))
            : Problem.TubeNotFound(tubeId);
    }

    private static EventStream OpenEvents(string run, string? after, HttpRequest request, ITubeRegistry registry)
    {
        // What does not come from this run gets the list again, which is never wrong.
        var position = ReadPosition(request, after).Text?.Split('-') is [var ofRun, var number] && ofRun == run && TryParse(number, out var known) ? known : (long?)null;
        return new(registry.WatchAsync(position).Select(change => Translate(change, run, registry.Directory)));
    }

    private static ServerSentEvent Translate(RegistryEvent change, string run, ITubeDirectory directory) => change switch
    {
        // Without an id: a client that is cut off within the list needs all of it again.
        TubeListed listed => new(null, "tube", TubeBody.Of(listed.Tube, directory)),
        TubeSignalled signalled => new($"{run}-{Invariant(change.Sequence)}", signalled.Signal.Kind, SignalBody.Of(signalled.Signal)),
        _ => new($"{run}-{Invariant(change.Sequence)}", "tubes_listed", new object()),
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
