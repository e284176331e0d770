using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Registry.Actors.Tests.Relay;

/// <summary>A real HTTP endpoint for relay credentials on a free port, slow or broken as a test tells it.</summary>
public sealed class CredentialsEndpoint : IAsyncLifetime
{
    public const string Good = """{"username":"u-1700000000","password":"hush-hush","ttl":3600,"urls":["turn:relay.example:3478?transport=udp"]}""";

    private WebApplication application = null!;
    private int requests;
    private int waiting;

    /// <summary>Where it is; the query stands for a key that must not be told.</summary>
    public Uri Url => new($"{application.Urls.Single()}/turn?key=topsecret");

    /// <summary>Requests that came.</summary>
    public int Requests => Volatile.Read(ref requests);

    /// <summary>Requests that wait for <see cref="Gate"/>.</summary>
    public int Waiting => Volatile.Read(ref waiting);

    /// <summary>What is answered.</summary>
    public (int Status, string Body) Answer { get; set; } = (200, Good);

    /// <summary>The length that is announced when it is not the true one: the answer is cut short.</summary>
    public long? AnnouncedLength { get; set; }

    /// <summary>The content type of the answer.</summary>
    public string ContentType { get; set; } = "application/json";

    /// <summary>Answers wait for it.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        application = builder.Build();
        application.MapGet("/turn", AnswerAsync);
        await application.StartAsync();
    }

    public async Task DisposeAsync() => await application.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        Interlocked.Increment(ref requests);
        Interlocked.Increment(ref waiting);
        try
        {
            await Gate.WaitAsync(context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }

        context.Response.StatusCode = Answer.Status;
        context.Response.ContentType = ContentType;
        context.Response.ContentLength = AnnouncedLength;
        await context.Response.WriteAsync(Answer.Body);
    }
}
