using System.Diagnostics;
using Registry.Actors.ReadModel;
using Registry.Messages;

namespace Registry.Actors.Tracing;

/// <summary>
/// Makes the registry's spans. A create carries its trace as text (W3C Trace Context), because neither a mailbox nor the wire between nodes carries what is current; so
/// starting or ending a span here leaves <see cref="Activity.Current"/> as it was.
/// </summary>
internal static class Spans
{
    // W3C Trace Context §3.3.1.1: what is longer need not be passed on.
    private const int LongestState = 512;

    private static readonly ActivitySource Source = new(TubeRegistryTraces.SourceName, RegistryReads.Version);

    /// <summary>Whether anyone wants spans.</summary>
    public static bool AreWanted => Source.HasListeners();

    /// <summary>The trace that a create belongs to; default for none, also where what it says is malformed.</summary>
    public static ActivityContext ContextOf(CreateTube command) =>
        command.TraceParent is { } parent && ActivityContext.TryParse(parent, command.TraceState is { Length: <= LongestState } state ? state : null, isRemote: true, out var context) ? context : default;

    /// <summary>The create with the caller's trace, unless it names one.</summary>
    public static CreateTube WithCurrentTrace(CreateTube command) =>
        command.TraceParent is null && Activity.Current is { IdFormat: ActivityIdFormat.W3C, Id: { } id } current ? command with { TraceParent = id, TraceState = current.TraceStateString } : command;

    /// <summary>Starts a span of a create; null when nobody wants it.</summary>
    public static Activity? Start(string name, CreateTube command, ActivityKind kind = ActivityKind.Internal) => Start(name, ContextOf(command), command, kind);

    /// <summary>The same under a parent that is known.</summary>
    public static Activity? Start(string name, ActivityContext parent, CreateTube command, ActivityKind kind = ActivityKind.Internal)
    {
        if (!Source.HasListeners())
            return null;
        var before = Activity.Current;
        var span = Source.StartActivity(name, kind, parent)?.AddTag("conversation.id", command.ConversationId.ToString());
        Activity.Current = before;
        return span;
    }

    /// <summary>Ends a span as its create was answered.</summary>
    public static void End(this Activity span, RegistryReply reply)
    {
        if (reply is TubeCreated created)
            span.AddTag("tube.id", created.TubeId.ToString()).AddTag("registry.node", created.Node);
        span.End(reply is Refused refused ? refused.Code.Text : null);
    }

    /// <summary>Ends a span.</summary>
    /// <param name="span">The span.</param>
    /// <param name="error">A code or the name of a reason or type, which a caller has no part in; null when all went well.</param>
    public static void End(this Activity span, string? error)
    {
        if (error is not null)
            span.SetStatus(ActivityStatusCode.Error, error).AddTag("error.type", error);
        var before = Activity.Current;
        span.Stop();
        Activity.Current = before;
    }

    /// <summary>Makes a create under a span of its own, which what follows is part of.</summary>
    public static async Task<RegistryReply> CreateAsync(string name, ActivityKind kind, CreateTube command, Func<CreateTube, Task<RegistryReply>> create)
    {
        // Sampled out, the trace goes on as it came.
        if (Start(name, command, kind) is not { } span)
            return await create(WithCurrentTrace(command));
        try
        {
            var reply = await create(command with { TraceParent = span.Id, TraceState = span.TraceStateString });
            span.End(reply);
            return reply;
        }
        catch (Exception e)
        {
            span.End(e.GetType().Name);
            throw;
        }
    }
}
