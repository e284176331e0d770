using Akka.Actor;
using Akka.Event;

namespace Registry.Actors.Cluster;

/// <summary>An actor whose memory is worth more than one message: a fault in a handler is logged, and it goes on. Whoever asked asks again.</summary>
internal abstract class SteadyActor : UntypedActor
{
    protected ILoggingAdapter Log { get; } = Context.GetLogger();

    protected sealed override bool AroundReceive(Receive receive, object message)
    {
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (Exception e)
        {
            Log.Error(e, "{Actor} failed to handle {Message}", GetType().Name, message.GetType().Name);
            return true;
        }
    }
}
