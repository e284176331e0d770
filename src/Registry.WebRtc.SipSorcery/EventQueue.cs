using Microsoft.Extensions.Logging;

namespace Registry.WebRtc.SipSorcery;

/// <summary>Tells the application of changes on the thread pool, one at a time and in order, from <see cref="Start"/> on.</summary>
internal sealed partial class EventQueue(string connection, ILogger logger) : IThreadPoolWorkItem
{
    private readonly Lock gate = new();
    private readonly Queue<Action> changes = new();
    private bool started;
    private bool running;

    /// <summary>Handlers are attached: what was queued is told, and what follows.</summary>
    public void Start()
    {
        lock (gate)
        {
            started = true;
            Run();
        }
    }

    public void Raise(Action change)
    {
        lock (gate)
        {
            changes.Enqueue(change);
            Run();
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        while (TryTake(out var change))
        {
            try
            {
                change();
            }
            catch (Exception e)
            {
                // The application's handler failed: its fault must not stop the connection's other handlers.
                LogHandlerFailed(e, connection);
            }
        }
    }

    private void Run()
    {
        if (running || !started || changes.Count == 0)
            return;
        running = true;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private bool TryTake(out Action change)
    {
        lock (gate)
            return running = changes.TryDequeue(out change!);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "An event handler of peer connection {Connection} threw")]
    private partial void LogHandlerFailed(Exception exception, string connection);
}
