using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>An endpoint for relay credentials that answers when it is told to, so that creates stay in flight until then.</summary>
internal sealed class CredentialsEndpoint : IAsyncDisposable
{
    private readonly WebApplication application;
    private readonly TaskCompletionSource<int> status = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly string password;

    private CredentialsEndpoint(string password)
    {
        this.password = password;
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        application = builder.Build();
        application.MapGet("/", AnswerAsync);
    }

    /// <summary>What a gateway's configuration says of it.</summary>
    /// <param name="query">What the URL ends with.</param>
    public string Setting(string query = "") => $"registry.ice {{ credentials-url = \"{application.Urls.Single()}/{query}\", credentials-timeout = 10m }}";

    public static async Task<CredentialsEndpoint> StartAsync(string password = "p")
    {
        var endpoint = new CredentialsEndpoint(password);
        await endpoint.application.StartAsync();
        return endpoint;
    }

    /// <summary>Answers every request, those that wait and those to come.</summary>
    public void Answer(int with = StatusCodes.Status200OK) => status.TrySetResult(with);

    public async ValueTask DisposeAsync()
    {
        Answer();
        await application.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        context.Response.StatusCode = await status.Task.WaitAsync(context.RequestAborted);
        await context.Response.WriteAsJsonAsync(new { username = "u", password, ttl = 60 });
    }
}
